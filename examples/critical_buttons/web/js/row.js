// @ts-check
/** One booking as a row of the table, or a card on a narrow screen. */

import { el, setText } from "./dom.js";
import { BookingConfirmButton } from "./elements/booking-confirm-button.js";
import { icon, STATUS_ICON } from "./icons.js";
import { LIST, STATUS } from "./strings.js";
import { slotParts, soon } from "./when.js";

/** @typedef {import("./bookings.js").Booking} Booking */
/** @typedef {import("./elements/booking-confirm-button.js").Services} Services */

/** Keeps its elements for as long as it lives, so that focus and states stay. */
export class Row {
  #resource = el("span", { class: "resource" });
  #customer = el("td", { class: "customer", role: "cell" });
  #day = el("span", { class: "day" });
  #zone = el("span", { class: "zone" });
  #status = el("span", { class: "chip" });
  #hold = el("span", { class: "hold" });
  #version = el("td", { class: "version", role: "cell" });
  #button = /** @type {BookingConfirmButton} */ (
    document.createElement("booking-confirm-button")
  );
  #booking;

  /** @param {Booking} booking @param {Services} services */
  constructor(booking, services) {
    this.#booking = booking;
    const detail = el("td", { class: "detail", role: "cell" });
    this.#button.cardHost = detail;
    this.#button.setAttribute("booking-id", booking.id);
    this.#button.use(services);
    const id = el("span", { class: "id" }, booking.id);
    this.element = el(
      "tr",
      { role: "row", "data-booking-id": booking.id },
      el("th", { scope: "row", role: "rowheader", class: "what" }, this.#resource, id),
      this.#customer,
      el("td", { class: "when", role: "cell" }, this.#day, this.#zone),
      el("td", { class: "status", role: "cell" }, this.#status, this.#hold),
      this.#version,
      el("td", { class: "action", role: "cell" }, this.#button),
      detail,
    );
    this.booking = booking;
  }

  get button() {
    return this.#button;
  }

  get booking() {
    return this.#booking;
  }

  set booking(booking) {
    this.#booking = booking;
    const { day, span, zone } = slotParts(booking);
    setText(this.#resource, booking.resource);
    setText(this.#customer, booking.customer);
    setText(this.#day, span ? `${day}, ${span}` : day);
    setText(this.#zone, zone);
    setText(this.#version, LIST.version(booking.version));
    this.#paintStatus(booking.status);
    this.#button.booking = booking;
    this.refresh();
  }

  /** What changes by the clock alone. */
  refresh() {
    const { status, expires_at: until } = this.#booking;
    const held = status === "held" && until !== null;
    const over = held && Date.parse(until) <= Date.now();
    this.#hold.classList.toggle("over", over);
    const text = over ? LIST.holdOver : LIST.heldUntil(held ? soon(until) : "");
    setText(this.#hold, held ? text : "");
  }

  /** Light up for a moment: somebody has just changed this. */
  flash() {
    this.element.classList.remove("changed");
    // Reading a size makes the browser notice that the class was gone.
    void this.element.offsetWidth;
    this.element.classList.add("changed");
  }

  /** @param {string} status */
  #paintStatus(status) {
    if (this.#status.dataset.status === status) return;
    this.#status.dataset.status = status;
    this.#status.replaceChildren(icon(STATUS_ICON[status] ?? "minus"), STATUS[status] ?? status);
  }
}
