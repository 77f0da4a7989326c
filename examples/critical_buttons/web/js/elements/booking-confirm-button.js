// @ts-check
/**
 * `<booking-confirm-button>`: confirms one booking and tells the truth about it.
 *
 * @module
 */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { BUTTON, SAID, STATUS } from "../strings.js";
import { CONFIRMABLE, staleView, viewOf } from "./confirm-view.js";
import { SyncButton } from "./sync-button.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("/syncpatterns/intent-store.js").Intent} Intent */
/** @typedef {import("../bookings.js").Booking} Booking */
/** @typedef {import("./confirm-view.js").View} View */
/** @typedef {import("./outcome-view.js").Action} Action */
/** @typedef {import("./sync-button.js").Announce} Announce */
/** @typedef {import("./sync-button.js").How} How */

/**
 * What the button needs from the page.
 *
 * @typedef {object} Services
 * @property {(booking: Booking, how: How) => Promise<Outcome>} confirm
 * @property {(intent: Intent, how: How) => Promise<Outcome>} resume
 * @property {(intent: Intent) => Promise<void>} forget
 * @property {(id: string) => Promise<void>} refresh
 * @property {Announce} announce
 */

export class BookingConfirmButton extends SyncButton {
  /** @type {Booking|null} */
  #booking = null;
  /** @type {Outcome|null} */
  #outcome = null;
  /** @type {Services|null} */
  #services = null;
  /** Version of the booking that the view speaks of. */
  #about = 0;

  /** @param {Services} services */
  use(services) {
    this.#services = services;
    this.useAnnounce(services.announce);
  }

  /** @returns {Booking|null} */
  get booking() {
    return this.#booking;
  }

  /** The newest state known; an answer in flight is not overwritten by it. */
  set booking(booking) {
    this.#booking = booking;
    const isNewer = booking && this.view && booking.version > this.#about;
    if (isNewer && !this.flying) this.show(null);
    this.render();
  }

  /** Ask what became of a request that left before this page was loaded.
   * @param {Intent} intent */
  resume(intent) {
    const services = this.#services;
    const booking = this.#booking;
    if (!services || !booking || this.flying) return;
    services.announce("status", SAID.asking);
    this.#fly(booking, (how) => services.resume(intent, how));
  }

  /** Say that an earlier press was never answered. */
  markUnanswered() {
    if (this.#booking && !this.flying) this.#tell(staleView(this.#booking));
  }

  /** @protected @override */
  verb() {
    return [BUTTON.label, el("span", { class: "hidden" }, ` ${this.#booking?.id}`)];
  }

  /** @protected @override */
  rest() {
    if (!this.#booking) return null;
    const { status } = this.#booking;
    return { ...restLook(status), ready: CONFIRMABLE.has(status) };
  }

  /** @protected @override */
  settled() {
    const isConfirmed = this.#booking?.status === "confirmed";
    return isConfirmed ? [icon("check"), STATUS.confirmed ?? ""] : [];
  }

  /** @protected @override */
  sendingSaid() {
    return SAID.sending(this.#booking?.id ?? "");
  }

  /** @protected @override @param {Booking|null} [booking] the state decided on */
  send(booking = this.#booking) {
    const services = this.#services;
    if (!services || !booking) return;
    this.#fly(booking, (how) => services.confirm(booking, how));
  }

  /** @param {Booking} booking @param {(how: How) => Promise<Outcome>} request */
  #fly(booking, request) {
    void this.fly(request, (outcome) => {
      this.#outcome = outcome;
      const view = viewOf(outcome, booking);
      this.#about = view?.about ?? 0;
      return view;
    });
  }

  /** @param {View} view */
  #tell(view) {
    this.#about = view.about;
    this.show(view);
  }

  /** @protected @override @param {Action} action */
  async act(action) {
    const booking = this.#booking;
    if (!booking) return;
    switch (action) {
      case "again":
        return this.send();
      case "start-over":
        if (this.#outcome) await this.#services?.forget(this.#outcome.intent);
        return this.send();
      case "use-mine":
        return this.send({ ...booking, version: this.#about });
      case "keep-theirs":
        this.show(null);
        await this.#services?.refresh(booking.id);
        return this.focus();
      default:
    }
  }
}

/** @param {string} status @returns {import("./outcome-view.js").Look} */
function restLook(status) {
  if (CONFIRMABLE.has(status)) return { state: "idle", label: "", tone: "plain", icon: "" };
  const icon = status === "confirmed" ? "check" : "";
  const tone = status === "confirmed" ? "ok" : "plain";
  return { state: status, label: STATUS[status] ?? status, tone, icon };
}

customElements.define("booking-confirm-button", BookingConfirmButton);
