// @ts-check
/** The circuit breaker in front of the SMS service, as the server tells it. */

import { ticking, untilText } from "../countdown.js";
import { el, setText } from "../dom.js";
import { icon } from "../icons.js";
import { BREAKER } from "../strings.js";

/** @typedef {import("../api.js").Breaker} Breaker */

/** @type {Readonly<Record<string, string>>} */
const ICONS = Object.freeze({ closed: "checkCircle", open: "clock", "half-open": "again" });

/** How often it is looked at: while something is wrong, and otherwise. */
const SOON = 3000;
const LATER = 15_000;

/** Dispatches `closed` when it was not, and now is: whatever waits may go. */
export class BreakerView extends EventTarget {
  #read;
  #chip = el("span", { class: "chip" });
  #failures = el("p", { class: "hint" });
  #opens = el("p", { class: "hint opens" });
  #actions = el("div", { class: "breaker-actions" });
  /** @type {Breaker|null} */
  #known = null;
  #asking = false;
  #askAgain = false;
  #stopTicking = () => {};
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #closed = false;

  /** @param {() => Promise<Breaker[]>} read */
  constructor(read) {
    super();
    this.#read = read;
    const title = el("h2", { id: "breaker-title" }, BREAKER.title);
    this.element = el(
      "section",
      { class: "breaker", "aria-labelledby": "breaker-title" },
      el("div", { class: "section-head" }, title, this.#chip),
      el("div", { class: "panel" }, this.#failures, this.#opens, this.#actions),
    );
    this.#actions.hidden = true;
    this.#paint(null);
  }

  /** @param {(action: "trip"|"reset") => Promise<void>} act */
  allow(act) {
    const buttons = /** @type {const} */ (["trip", "reset"]).map((action) => {
      const button = el("button", { type: "button", class: "small" }, BREAKER[action]);
      button.addEventListener("click", () => {
        void act(action).then(() => this.look());
      });
      return button;
    });
    this.#actions.replaceChildren(...buttons);
    this.#actions.hidden = false;
  }

  /** Ask the server now; and from now on, again and again.
   * @returns {Promise<void>} */
  async look() {
    if (this.#closed) return;
    if (this.#asking) {
      this.#askAgain = true;
      return;
    }
    this.#asking = true;
    clearTimeout(this.#timer);
    try {
      const all = await this.#read();
      this.#paint(all.find(({ name }) => name === "sms") ?? all[0] ?? null);
    } catch {
      // What is shown stays; the connection chip says that nobody answers.
    }
    this.#asking = false;
    if (this.#askAgain) {
      this.#askAgain = false;
      return this.look();
    }
    const wrong = this.#known !== null && this.#known.state !== "closed";
    if (!this.#closed) this.#timer = setTimeout(() => void this.look(), wrong ? SOON : LATER);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#stopTicking();
    this.element.remove();
  }

  /** @param {Breaker|null} breaker */
  #paint(breaker) {
    const before = this.#known?.state;
    this.#known = breaker;
    const state = (breaker?.state ?? "unknown").replace("_", "-");
    const words = breaker?.isolated ? BREAKER.held : BREAKER.states[state];
    this.element.dataset.state = state;
    this.#chip.dataset.breaker = state;
    this.#chip.replaceChildren(icon(ICONS[state] ?? "minus"), words ?? BREAKER.unknown);
    const { failures, threshold, window_s: window } = breaker ?? {};
    const figures = breaker ? BREAKER.failures(failures ?? 0, threshold ?? 0, window ?? 0) : "";
    setText(this.#failures, figures);
    this.#paintWait(breaker, state);
    if (before !== undefined && before !== "closed" && state === "closed") {
      this.dispatchEvent(new Event("closed"));
    }
  }

  /** @param {Breaker|null} breaker @param {string} state */
  #paintWait(breaker, state) {
    this.#stopTicking();
    this.#opens.hidden = state !== "open" && state !== "half-open";
    if (breaker?.isolated) return setText(this.#opens, BREAKER.heldText);
    if (state !== "open") return setText(this.#opens, BREAKER.probing);
    const until = Date.now() + (breaker?.retry_after_s ?? 0) * 1000;
    this.#stopTicking = ticking(until, (seconds) => {
      setText(this.#opens, BREAKER.opens(untilText(seconds)));
    });
  }
}
