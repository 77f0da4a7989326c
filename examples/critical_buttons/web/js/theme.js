// @ts-check
/** Light, dark, or as the system wishes; stored, and the same in every tab. */

import { radios } from "./dom.js";
import { icon } from "./icons.js";
import { PAGE } from "./strings.js";

const STORED = "theme";
const CHOICES = [
  { value: "light", label: PAGE.themes.light, icon: "sun" },
  { value: "system", label: PAGE.themes.system, icon: "monitor" },
  { value: "dark", label: PAGE.themes.dark, icon: "moon" },
];

/** @returns {HTMLElement} */
export function themeSwitch() {
  const set = radios({
    name: "theme",
    legend: PAGE.theme,
    className: "switch-icons",
    value: document.documentElement.dataset.theme ?? "system",
    choices: CHOICES.map(({ value, label, icon: name }) => ({
      value,
      label,
      content: [icon(name), hidden(label)],
    })),
    onChange: (value) => {
      apply(value);
      store(value);
    },
  });
  addEventListener("storage", ({ key, newValue }) => {
    if (key !== STORED) return;
    const value = newValue ?? "system";
    apply(value);
    for (const input of set.querySelectorAll("input")) input.checked = input.value === value;
  });
  return set;
}

/** @param {string} value */
function apply(value) {
  document.documentElement.dataset.theme = value;
}

/** @param {string} value */
function store(value) {
  try {
    localStorage.setItem(STORED, value);
  } catch {
    // Storage is blocked: the choice holds until the page is left.
  }
}

/** @param {string} text */
function hidden(text) {
  const span = document.createElement("span");
  span.className = "hidden";
  span.textContent = text;
  return span;
}
