// @ts-check
/** Where to move a lead, or many, and why: a native select and a line of text. */

import { el, setText } from "../dom.js";
import { LEAD_STATUS, STATUS_FORM } from "../strings.js";

/** What the server takes as a reason, in characters. */
const LONGEST = 200;

let fields = 0;

/** Dispatches `change` whenever the choice has changed. */
export class TargetFields extends EventTarget {
  #select;
  #reason;
  #why;
  #error;
  #needsReason;
  #painted = "";

  /** @param {(to: string) => boolean} needsReason */
  constructor(needsReason) {
    super();
    this.#needsReason = needsReason;
    const id = `target-${(fields += 1)}`;
    this.#select = el("select", { id, class: "target", "aria-describedby": `${id}-error` });
    this.#reason = el("input", {
      id: `${id}-reason`,
      type: "text",
      maxlength: String(LONGEST),
      autocomplete: "off",
      placeholder: STATUS_FORM.reasonHint,
      dir: "auto",
      "aria-required": "true",
      "aria-describedby": `${id}-error`,
    });
    this.#why = el(
      "div",
      { class: "field" },
      el("label", { for: `${id}-reason` }, STATUS_FORM.reason),
      this.#reason,
    );
    this.#error = el("p", { class: "field-error", id: `${id}-error` });
    this.#select.addEventListener("change", () => this.#changed());
    this.#reason.addEventListener("input", () => this.#changed());
    this.element = el(
      "div",
      { class: "target-fields" },
      el(
        "div",
        { class: "field" },
        el("label", { for: id }, STATUS_FORM.to),
        this.#select,
      ),
      this.#why,
      this.#error,
    );
    this.offer([]);
  }

  /** What can be chosen; the choice stays if it is still among it.
   * @param {string[]} statuses */
  offer(statuses) {
    const painted = statuses.join(" ");
    if (painted !== this.#painted || this.#select.options.length === 0) {
      this.#painted = painted;
      const chosen = this.#select.value;
      const options = statuses.map((value) =>
        el("option", { value }, LEAD_STATUS[value] ?? value),
      );
      this.#select.replaceChildren(el("option", { value: "" }, STATUS_FORM.choose), ...options);
      this.#select.value = statuses.includes(chosen) ? chosen : "";
    }
    this.#paint();
  }

  /** @param {{to: string, reason: string}} value */
  set value({ to, reason }) {
    this.#select.value = to;
    this.#reason.value = reason;
    this.#paint();
  }

  get value() {
    const reason = this.#why.hidden ? "" : this.#reason.value.trim();
    return { to: this.#select.value, reason };
  }

  /** Whether it can be sent like that; if not, says so and goes to where it is wrong. */
  check() {
    const { to, reason } = this.value;
    const fault = this.#faultOf(to, reason);
    this.#said(fault);
    if (fault === "") return true;
    const wrong = to === "" ? this.#select : this.#reason;
    wrong.setAttribute("aria-invalid", "true");
    wrong.focus();
    return false;
  }

  get fault() {
    const { to, reason } = this.value;
    return this.#faultOf(to, reason);
  }

  focus() {
    this.#select.focus();
  }

  /** @param {string} to @param {string} reason */
  #faultOf(to, reason) {
    if (to === "") return STATUS_FORM.noTarget;
    return !this.#why.hidden && reason === "" ? STATUS_FORM.noReason : "";
  }

  #changed() {
    this.#said("");
    this.#paint();
    this.dispatchEvent(new Event("change"));
  }

  #paint() {
    const { value } = this.#select;
    this.#why.hidden = value === "" || !this.#needsReason(value);
  }

  /** @param {string} fault */
  #said(fault) {
    setText(this.#error, fault);
    this.#error.hidden = fault === "";
    for (const each of [this.#select, this.#reason]) each.removeAttribute("aria-invalid");
  }
}
