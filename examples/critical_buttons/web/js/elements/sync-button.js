// @ts-check
/**
 * What every critical button does alike, whatever it sends.
 *
 * One press is one request until its outcome; busy is shown late and not as a
 * flash; a pause is counted down and can be cancelled; the outcome stands on the
 * button, its reasons and choices on a card; the focus is never lost.
 *
 * @module
 */

import { ticking, untilText } from "../countdown.js";
import { el, setText } from "../dom.js";
import { icon } from "../icons.js";
import { BUTTON, SAID } from "../strings.js";
import { cardOf } from "./outcome-card.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("/syncpatterns/idempotent-fetch.js").Progress} Progress */
/** @typedef {import("../dom.js").Child} Child */
/** @typedef {import("./outcome-view.js").Action} Action */
/** @typedef {import("./outcome-view.js").Look} Look */
/** @typedef {import("./outcome-view.js").View} View */

/**
 * How a request is watched and stopped.
 *
 * @typedef {object} How
 * @property {(progress: Progress) => void} onProgress
 * @property {AbortSignal} signal
 */

/** @typedef {(level: "status"|"alert", text: string) => void} Announce */

/** A faster answer shows no busy state at all: screen readers would say
 * "unavailable" for a button that is ready again before the word is out. */
const BUSY_AFTER = 300;
/** Shorter than this, it would be a flash. */
const BUSY_AT_LEAST = 400;
/** How long a finished button stays a button when nobody looks at it. */
const DONE_FOR = 4000;

let cards = 0;

/** The base of the elements; what differs is overridden. */
export class SyncButton extends HTMLElement {
  /** @type {View|null} */
  #view = null;
  /** @type {Announce} */
  #announce = () => {};
  /** A request is on its way, or its answer is being awaited. */
  #flying = false;
  /** The service rests, and the press waits for it. */
  #paused = false;
  #stop = new AbortController();
  #busySince = 0;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #busyTimer;
  #stopTicking = () => {};
  #doneAt = 0;
  #label = el("span", { class: "label" });
  #icon = el("span", { class: "state-icon" });
  #text = el("span", { class: "state-text" });
  #state = el("span", { class: "state" }, this.#icon, this.#text);
  #button = el("button", { type: "button", class: "confirm" }, this.#label, this.#state);
  #static = el("span", { class: "settled" });
  #card = el("div", { class: "card-host" });
  #built = false;

  /** Where the card with reasons and choices goes; the element itself if unset. */
  cardHost = /** @type {HTMLElement} */ (this);

  connectedCallback() {
    if (this.#built) return;
    this.#built = true;
    this.#card.id = `outcome-${(cards += 1)}`;
    this.#card.hidden = true;
    this.#button.addEventListener("click", () => this.#press());
    this.#card.addEventListener("keydown", (event) => this.#onKey(event));
    this.#button.addEventListener("keydown", (event) => this.#onKey(event));
    this.addEventListener("focusout", () => queueMicrotask(() => this.render()));
    this.append(this.#button, this.#static);
    this.cardHost.append(this.#card);
    this.render();
  }

  // What a kind of button overrides.

  /** The verb, which the name begins with throughout.
   * @protected @returns {Child[]} */
  verb() {
    return [];
  }

  /**
   * How it looks with nothing to report; `ready` false: there is nothing to press.
   * Null while it has nothing to be about.
   *
   * @protected @returns {(Look & {ready: boolean})|null}
   */
  rest() {
    return null;
  }

  /** What stands in its place where there is nothing to press.
   * @protected @returns {Child[]} */
  settled() {
    return [];
  }

  /** @protected @returns {string} said when it has become busy */
  sendingSaid() {
    return "";
  }

  /** @protected @returns {string} what the button shows then */
  busyText() {
    return BUTTON.sending;
  }

  /** What `busyText` says has changed; nothing is announced for that. @protected */
  busyTextChanged() {
    if (this.#busySince > 0) this.#busy("sending", this.busyText(), "");
  }

  /** @protected @param {number} _until @returns {View} how a pause looks */
  pausedView(_until) {
    throw new Error("this button's service never rests");
  }

  /** @protected @param {string} _left minutes and seconds @returns {string} */
  pausedLabel(_left) {
    return "";
  }

  /** The press that means: do it. @protected */
  send() {}

  /** @protected @param {Action} _action chosen on the card @returns {void|Promise<void>} */
  act(_action) {}

  /** A request has begun, is shown, or has ended, or its outcome was put away.
   * @protected */
  changed() {}

  // What they use.

  /** @protected @param {Announce} announce */
  useAnnounce(announce) {
    this.#announce = announce;
  }

  /** @protected @param {View["level"]} level @param {string} text */
  say(level, text) {
    if (text !== "") this.#announce(level, text);
  }

  /** Whether a request is on its way or waits. */
  get flying() {
    return this.#flying;
  }

  /** Whether it shows that a request is on its way; what is quick never shows it. */
  get busy() {
    return this.#busySince > 0;
  }

  /** Whether it waits for a service that rests. */
  get paused() {
    return this.#paused;
  }

  /** What it shows besides its verb. @protected @returns {View|null} */
  get view() {
    return this.#view;
  }

  /** @override */
  focus() {
    this.#button.focus();
  }

  /**
   * Send, and show whatever comes of it.
   *
   * @protected
   * @template T
   * @param {(how: How) => Promise<T>} request never rejects
   * @param {(outcome: T) => View|null} describe null: back to rest
   */
  async fly(request, describe) {
    this.#flying = true;
    this.#stop = new AbortController();
    this.show(null);
    this.changed();
    this.#busySoon();
    let told = "";
    const outcome = await request({
      onProgress: (progress) => {
        told = this.#progress(progress, told);
        this.changed();
      },
      signal: this.#stop.signal,
    });
    this.#unpause();
    await this.#calm();
    this.#flying = false;
    const view = describe(outcome);
    if (view?.tone === "ok") {
      this.#doneAt = performance.now();
      setTimeout(() => this.render(), DONE_FOR);
    }
    this.show(view);
    this.changed();
    if (view) this.say(view.level, view.say);
  }

  /** Stop waiting for a service that rests. @protected */
  cancelPause() {
    this.#stop.abort();
  }

  /**
   * @protected
   * @param {View|null} view
   * @param {{open?: boolean}} [how] a card is shown open unless said otherwise
   */
  show(view, { open = true } = {}) {
    const returnFocus = this.#card.contains(document.activeElement);
    this.#view = view;
    this.#card.replaceChildren();
    if (view?.card) {
      this.#card.append(cardOf({ ...view, card: view.card }, (action) => void this.#chosen(action)));
    }
    this.toggleCard(view?.card != null && open, { focus: false });
    this.render();
    if (returnFocus) this.#button.focus();
  }

  /** @protected @param {boolean} open @param {{focus?: boolean}} [how] */
  toggleCard(open, { focus = true } = {}) {
    this.#card.hidden = !open;
    if (this.#view?.card) {
      this.#button.setAttribute("aria-controls", this.#card.id);
      this.#button.setAttribute("aria-expanded", String(open));
    } else {
      this.#button.removeAttribute("aria-controls");
      this.#button.removeAttribute("aria-expanded");
    }
    if (!open && focus) this.#button.focus();
  }

  /** Into the card, where a choice must be made before anything goes on.
   * @protected */
  focusCard() {
    // Not on a choice: a key held down, or pressed twice, would choose it.
    /** @type {HTMLElement|null} */ (this.#card.querySelector(".outcome"))?.focus();
  }

  /** Paint what there is to say. */
  render() {
    const rest = this.rest();
    if (!rest) return;
    if (this.#label.childElementCount === 0) this.#label.append(...kept(this.verb()));
    if (this.#flying && !this.#paused) return;
    if (rest.ready && this.#isOver()) this.#view = null;
    // A button that has the focus is never taken away from under it.
    const focused = document.activeElement === this.#button;
    const asButton = focused || (this.#view ? !this.#isOver() : rest.ready);
    this.#button.hidden = !asButton;
    this.#static.hidden = asButton;
    if (!asButton) this.#paintStatic(rest.state);
    else this.#paint(this.#view ?? rest);
    // Not after an answer: "unavailable" would be the first word about a success.
    this.#guard(asButton && !rest.ready && this.#view === null);
  }

  #press() {
    if (this.#flying && !this.#paused) return;
    switch (this.#view?.press ?? "send") {
      case "send":
        return this.rest()?.ready === false && this.#view === null ? undefined : this.send();
      case "card":
        return this.toggleCard(this.#card.hidden === true);
      case "dismiss":
        return this.show(null);
      default:
    }
  }

  /** @param {Action} action */
  async #chosen(action) {
    if (action === "close" || action === "wait") return this.toggleCard(false);
    if (action === "cancel") return this.cancelPause();
    if (!this.#flying) await this.act(action);
  }

  /** @param {Progress} progress @param {string} told @returns {string} what was said */
  #progress({ state, tries, of, reason, until }, told) {
    this.#stopTicking();
    if (state === "paused") {
      this.#pause(until);
      return told;
    }
    if (state === "sending") {
      if (this.#paused) {
        this.#unpause();
        this.#busySoon();
      } else if (tries > 1) this.#busy("retrying", BUTTON.retrying(tries, of), "");
      return told;
    }
    if (reason === "in-progress") {
      this.#busy("in-progress", BUTTON.inProgress, told === reason ? "" : SAID.inProgress);
      return reason;
    }
    const say = reason === "network" ? SAID.stillUnreachable : SAID.stillTrying;
    this.#busy("retrying", BUTTON.retrying(tries, of), told === "" ? say : "");
    this.#stopTicking = ticking(until, (seconds) => {
      setText(this.#text, BUTTON.retryingIn(tries, of, seconds));
    });
    return told || reason;
  }

  /** Nothing is asked until then; the button can be pressed, to wait or to cancel.
   * @param {number} until */
  #pause(until) {
    clearTimeout(this.#busyTimer);
    this.#busySince = 0;
    this.#paused = true;
    this.#button.removeAttribute("aria-busy");
    const view = this.pausedView(until);
    this.show(view, { open: false });
    this.#stopTicking = ticking(until, (seconds) => {
      // Into the view, so that whatever paints it meanwhile paints this.
      view.label = this.pausedLabel(untilText(seconds));
      setText(this.#text, view.label);
    });
    this.say(view.level, view.say);
  }

  #unpause() {
    if (!this.#paused) return;
    this.#stopTicking();
    this.#paused = false;
    this.show(null);
    // Until busy is shown, or the outcome: the verb, as after a press.
    this.#paint(this.rest() ?? { state: "idle", label: "", tone: "plain", icon: "" });
  }

  #busySoon() {
    clearTimeout(this.#busyTimer);
    this.#busyTimer = setTimeout(() => {
      this.#busy("sending", this.busyText(), this.sendingSaid());
    }, BUSY_AFTER);
  }

  /** @param {string} state @param {string} label @param {string} say */
  #busy(state, label, say) {
    clearTimeout(this.#busyTimer);
    if (this.#busySince === 0) this.#busySince = performance.now();
    this.#button.setAttribute("aria-disabled", "true");
    this.#button.setAttribute("aria-busy", "true");
    this.#paint({ state, label, tone: "busy", icon: "spinner" });
    this.changed();
    this.say("status", say);
  }

  /** Leave the busy state, but not so soon that it flashes. */
  async #calm() {
    clearTimeout(this.#busyTimer);
    this.#stopTicking();
    if (this.#busySince === 0) return;
    const left = this.#busySince + BUSY_AT_LEAST - performance.now();
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    this.#busySince = 0;
    this.#button.removeAttribute("aria-busy");
    this.#button.removeAttribute("aria-disabled");
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== "Escape" || this.#card.hidden) return;
    event.stopPropagation();
    if (this.#view?.state === "confirming") this.show(null);
    else this.toggleCard(false);
    this.#button.focus();
  }

  #isOver() {
    return this.#view?.tone === "ok" && performance.now() - this.#doneAt >= DONE_FOR;
  }

  /** @param {Look} look */
  #paint({ state, label, tone, icon: name }) {
    this.dataset.state = state;
    this.#button.dataset.tone = tone;
    this.#icon.replaceChildren(...(name === "" ? [] : [iconOf(name)]));
    setText(this.#text, label);
  }

  /** @param {string} state */
  #paintStatic(state) {
    this.dataset.state = state;
    this.#static.replaceChildren(...kept(this.settled()));
  }

  /** @param {boolean} on */
  #guard(on) {
    if (on) this.#button.setAttribute("aria-disabled", "true");
    else this.#button.removeAttribute("aria-disabled");
  }
}

/** @param {Child[]} children @returns {(Node|string)[]} */
function kept(children) {
  return children.filter((child) => child instanceof Node || typeof child === "string");
}

/** @param {string} name */
function iconOf(name) {
  return name === "spinner" ? el("span", { class: "spinner", "aria-hidden": "true" }) : icon(name);
}
