// @ts-check
/** Chooses the next status of one lead; stands in the card of its button. */

import { el } from "../dom.js";
import { STATUS_FORM } from "../strings.js";
import { TargetFields } from "./target-fields.js";

/** Keeps what was chosen and written while its lead lives. */
export class StatusForm {
  #fields;

  /**
   * @param {object} options
   * @param {(to: string) => boolean} options.needsReason
   * @param {(choice: {to: string, reason: string}) => void} options.onMove
   * @param {() => void} options.onKeep
   */
  constructor({ needsReason, onMove, onKeep }) {
    this.#fields = new TargetFields(needsReason);
    const move = el("button", { type: "submit", class: "small main" }, STATUS_FORM.move);
    const keep = el("button", { type: "button", class: "small" }, STATUS_FORM.keep);
    keep.addEventListener("click", onKeep);
    const actions = el("div", { class: "outcome-actions" }, move, keep);
    // The browser's own bubbles would speak beside the page's error, and otherwise.
    this.element = el("form", { class: "status-form", novalidate: true }, this.#fields.element, actions);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#fields.check()) onMove(this.#fields.value);
    });
  }

  /** @param {string[]} statuses */
  offer(statuses) {
    this.#fields.offer(statuses);
  }

  focus() {
    this.#fields.focus();
  }
}
