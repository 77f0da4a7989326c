// @ts-check
/**
 * `<booking-confirm-button>`: confirms one booking and tells the truth about it.
 *
 * @module
 */

import { el, setText } from "../dom.js";
import { icon } from "../icons.js";
import { BUTTON, SAID, STATUS } from "../strings.js";
import { CONFIRMABLE, staleView, viewOf } from "./confirm-view.js";
import { cardOf } from "./outcome-card.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("/syncpatterns/idempotent-fetch.js").Progress} Progress */
/** @typedef {import("/syncpatterns/intent-store.js").Intent} Intent */
/** @typedef {import("../bookings.js").Booking} Booking */
/** @typedef {import("./confirm-view.js").Action} Action */
/** @typedef {import("./confirm-view.js").View} View */

/**
 * What the button needs from the page.
 *
 * @typedef {object} Services
 * @property {(booking: Booking, onProgress: (progress: Progress) => void)
 *   => Promise<Outcome>} confirm
 * @property {(intent: Intent, onProgress: (progress: Progress) => void)
 *   => Promise<Outcome>} resume
 * @property {(intent: Intent) => Promise<void>} forget
 * @property {(id: string) => Promise<void>} refresh
 * @property {(level: "status"|"alert", text: string) => void} announce
 */

/** A faster answer shows no busy state at all: screen readers would say
 * "unavailable" for a button that is ready again before the word is out. */
const BUSY_AFTER = 300;
/** Shorter than this, it would be a flash. */
const BUSY_AT_LEAST = 400;
/** How long a finished button stays a button when nobody looks at it. */
const DONE_FOR = 4000;

let cards = 0;

export class BookingConfirmButton extends HTMLElement {
  /** @type {Booking|null} */
  #booking = null;
  /** @type {View|null} */
  #view = null;
  /** @type {Outcome|null} */
  #outcome = null;
  /** @type {Services|null} */
  #services = null;
  /** A request is on its way, or its answer is being awaited. */
  #flying = false;
  #busySince = 0;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #busyTimer;
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #countdown;
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
    this.addEventListener("focusout", () => queueMicrotask(() => this.#render()));
    this.append(this.#button, this.#static);
    this.cardHost.append(this.#card);
    this.#render();
  }

  /** @param {Services} services */
  use(services) {
    this.#services = services;
  }

  /** @returns {Booking|null} */
  get booking() {
    return this.#booking;
  }

  /** The newest state known; an answer in flight is not overwritten by it. */
  set booking(booking) {
    this.#booking = booking;
    if (booking && this.#view && booking.version > this.#view.about) this.#show(null);
    this.#render();
  }

  /** Ask what became of a request that left before this page was loaded.
   * @param {Intent} intent */
  resume(intent) {
    const services = this.#services;
    const booking = this.#booking;
    if (!services || !booking || this.#flying) return;
    services.announce("status", SAID.asking);
    void this.#fly(booking, (onProgress) => services.resume(intent, onProgress));
  }

  /** Say that an earlier press was never answered. */
  markUnanswered() {
    if (this.#booking && !this.#flying) this.#show(staleView(this.#booking));
  }

  #press() {
    if (this.#flying) return;
    switch (this.#view?.press ?? "send") {
      case "send":
        return this.#send();
      case "card":
        return this.#toggleCard(this.#card.hidden === true);
      default:
    }
  }

  /** @param {Booking|null} [booking] the state that the user decided on */
  #send(booking = this.#booking) {
    const services = this.#services;
    if (!services || !booking) return;
    void this.#fly(booking, (onProgress) => services.confirm(booking, onProgress));
  }

  /**
   * @param {Booking} booking
   * @param {(onProgress: (progress: Progress) => void) => Promise<Outcome>} request
   */
  async #fly(booking, request) {
    this.#flying = true;
    this.#show(null);
    this.#busyTimer = setTimeout(() => {
      this.#busy("sending", BUTTON.sending, SAID.sending(booking.id));
    }, BUSY_AFTER);
    let told = "";
    const outcome = await request((progress) => {
      told = this.#progress(progress, told);
    });
    await this.#calm();
    this.#flying = false;
    this.#outcome = outcome;
    const view = viewOf(outcome, booking);
    if (view?.tone === "ok") {
      this.#doneAt = performance.now();
      setTimeout(() => this.#render(), DONE_FOR);
    }
    this.#show(view);
    if (view && view.say !== "") this.#services?.announce(view.level, view.say);
  }

  /** @param {Progress} progress @param {string} told @returns {string} what was said */
  #progress({ state, tries, of, reason, until }, told) {
    clearInterval(this.#countdown);
    if (state === "sending") {
      if (tries > 1) this.#busy("retrying", BUTTON.retrying(tries, of), "");
      return told;
    }
    if (reason === "in-progress") {
      this.#busy("in-progress", BUTTON.inProgress, told === reason ? "" : SAID.inProgress);
      return reason;
    }
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      setText(this.#text, BUTTON.retryingIn(tries, of, seconds));
    };
    const say = reason === "network" ? SAID.stillUnreachable : SAID.stillTrying;
    this.#busy("retrying", BUTTON.retrying(tries, of), told === "" ? say : "");
    tick();
    this.#countdown = setInterval(tick, 1000);
    return told || reason;
  }

  /** @param {string} state @param {string} label @param {string} say */
  #busy(state, label, say) {
    clearTimeout(this.#busyTimer);
    if (this.#busySince === 0) this.#busySince = performance.now();
    this.#button.setAttribute("aria-disabled", "true");
    this.#button.setAttribute("aria-busy", "true");
    this.#paint({ state, label, tone: "busy", icon: "spinner" });
    if (say !== "") this.#services?.announce("status", say);
  }

  /** Leave the busy state, but not so soon that it flashes. */
  async #calm() {
    clearTimeout(this.#busyTimer);
    clearInterval(this.#countdown);
    if (this.#busySince === 0) return;
    const left = this.#busySince + BUSY_AT_LEAST - performance.now();
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    this.#busySince = 0;
    this.#button.removeAttribute("aria-busy");
    this.#button.removeAttribute("aria-disabled");
  }

  /** @param {View|null} view */
  #show(view) {
    const returnFocus = this.#card.contains(document.activeElement);
    this.#view = view;
    this.#card.replaceChildren();
    if (view?.card) {
      this.#card.append(cardOf(view, (action) => void this.#act(action)));
    }
    this.#toggleCard(view?.card !== null && view !== null, false);
    this.#render();
    if (returnFocus) this.#button.focus();
  }

  /** @param {boolean} open @param {boolean} [focus] */
  #toggleCard(open, focus = true) {
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

  /** @param {Action} action */
  async #act(action) {
    const { about } = this.#view ?? {};
    const booking = this.#booking;
    if (!booking || this.#flying) return;
    switch (action) {
      case "close":
        return this.#toggleCard(false);
      case "again":
        return this.#send();
      case "start-over":
        if (this.#outcome) await this.#services?.forget(this.#outcome.intent);
        return this.#send();
      case "use-mine":
        return this.#send({ ...booking, version: about ?? booking.version });
      case "keep-theirs":
        this.#show(null);
        await this.#services?.refresh(booking.id);
        return this.#button.focus();
    }
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== "Escape" || this.#card.hidden) return;
    event.stopPropagation();
    this.#toggleCard(false);
  }

  #render() {
    const booking = this.#booking;
    if (!booking || this.#flying) return;
    const { id, status } = booking;
    if (this.#label.childElementCount === 0) {
      this.#label.append(BUTTON.label, el("span", { class: "hidden" }, ` ${id}`));
    }
    const confirmable = CONFIRMABLE.has(status);
    // A button that has the focus is never taken away from under it.
    const focused = document.activeElement === this.#button;
    const asButton = focused || (this.#view ? !this.#isOver() : confirmable);
    this.#button.hidden = !asButton;
    this.#static.hidden = asButton;
    if (!asButton) this.#paintStatic(status);
    else this.#paint(this.#view ?? restView(status));
    // Not after an answer: "unavailable" would be the first word about a success.
    this.#guard(asButton && !confirmable && this.#view === null);
  }

  #isOver() {
    return this.#view?.tone === "ok" && performance.now() - this.#doneAt >= DONE_FOR;
  }

  /** @param {Pick<View, "state"|"label"|"tone"|"icon">} view */
  #paint({ state, label, tone, icon: name }) {
    this.dataset.state = state;
    this.#button.dataset.tone = tone;
    this.#icon.replaceChildren(...(name === "" ? [] : [iconOf(name)]));
    setText(this.#text, label);
  }

  /** @param {string} status */
  #paintStatic(status) {
    this.dataset.state = status;
    const words = status === "confirmed" ? [icon("check"), STATUS.confirmed ?? ""] : [];
    this.#static.replaceChildren(...words);
  }

  /** @param {boolean} on */
  #guard(on) {
    if (on) this.#button.setAttribute("aria-disabled", "true");
    else this.#button.removeAttribute("aria-disabled");
  }
}

/** @param {string} status @returns {Pick<View, "state"|"label"|"tone"|"icon">} */
function restView(status) {
  if (CONFIRMABLE.has(status)) return { state: "idle", label: "", tone: "plain", icon: "" };
  const icon = status === "confirmed" ? "check" : "";
  const tone = status === "confirmed" ? "ok" : "plain";
  return { state: status, label: STATUS[status] ?? status, tone, icon };
}

/** @param {string} name */
function iconOf(name) {
  return name === "spinner" ? el("span", { class: "spinner", "aria-hidden": "true" }) : icon(name);
}

customElements.define("booking-confirm-button", BookingConfirmButton);
