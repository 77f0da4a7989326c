// @ts-check
/** Elements from data. Text only ever becomes text, never markup. */

/**
 * @typedef {Node|string|null|undefined|false} Child
 */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string|boolean|null|undefined>} [attributes] true sets an
 *   empty attribute; false, null and undefined set none
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (typeof value === "string") element.setAttribute(name, value);
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** Set the text only if it differs: a live region would repeat itself.
 * @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A set of radio buttons that look like one switch.
 *
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.legend
 * @param {{value: string, label: string, content: Child[]}[]} options.choices
 * @param {string} options.value
 * @param {string} [options.className]
 * @param {(value: string) => void} options.onChange
 */
export function radios({ name, legend, choices, value, className = "", onChange }) {
  const set = el("fieldset", { class: `switch ${className}` });
  set.append(el("legend", { class: "hidden" }, legend));
  for (const choice of choices) {
    const input = el("input", { type: "radio", name, value: choice.value });
    input.checked = choice.value === value;
    input.addEventListener("change", () => onChange(choice.value));
    set.append(el("label", { title: choice.label }, input, el("span", {}, ...choice.content)));
  }
  return set;
}
