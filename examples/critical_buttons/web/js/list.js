// @ts-check
/** The table of bookings. */

import { el } from "./dom.js";
import { Filters } from "./filters.js";
import { Row } from "./row.js";
import { LIST } from "./strings.js";

/** @typedef {import("./bookings.js").Booking} Booking */
/** @typedef {import("./bookings.js").Bookings} Bookings */
/** @typedef {import("./elements/booking-confirm-button.js").Services} Services */

/** How often what depends on the clock is painted again. */
const TICK = 15_000;

/** Shows what a store holds, with one row a booking that lives as long as it. */
export class BookingList {
  #store;
  #services;
  #filters = new Filters();
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #body = el("tbody", { role: "rowgroup" });
  #table;
  #note = el("div", { class: "note" });
  #timer;

  /** @param {Bookings} store @param {Services} services @param {() => void} onRetry */
  constructor(store, services, onRetry) {
    this.#store = store;
    this.#services = services;
    this.onRetry = onRetry;
    this.#table = el("table", { role: "table", "aria-labelledby": "bookings-title" }, head(), this.#body);
    this.element = el(
      "section",
      { class: "bookings", id: "bookings", tabindex: "-1", "aria-labelledby": "bookings-title" },
      this.#filters.element,
      el("div", { class: "panel" }, this.#table, this.#note),
    );
    this.#say(LIST.loading);
    this.#filters.addEventListener("change", () => this.#filter());
    store.addEventListener("list", () => this.#list());
    store.addEventListener("change", (event) => {
      this.#change(/** @type {CustomEvent<Booking>} */ (event).detail);
    });
    this.#timer = setInterval(() => {
      for (const row of this.#rows.values()) row.refresh();
    }, TICK);
  }

  close() {
    clearInterval(this.#timer);
    this.element.remove();
  }

  /** @param {string} id */
  row(id) {
    return this.#rows.get(id);
  }

  /** The list could not be fetched; what is shown stays. */
  failed() {
    if (this.#rows.size > 0) return;
    const again = el("button", { type: "button", class: "small main" }, LIST.again);
    again.addEventListener("click", () => {
      this.#say(LIST.loading);
      this.onRetry();
    });
    this.#say(LIST.failed, again);
  }

  #list() {
    const order = this.#store.all().sort(upcomingFirst(Date.now()));
    const known = this.#rows;
    this.#rows = new Map();
    for (const booking of order) {
      const row = known.get(booking.id) ?? new Row(booking, this.#services);
      row.booking = booking;
      this.#rows.set(booking.id, row);
    }
    const elements = [...this.#rows.values()].map((row) => row.element);
    // Moving a row takes the focus from it, so only a changed order is laid anew.
    const same = elements.length === this.#body.children.length;
    if (!same || elements.some((element, i) => element !== this.#body.children[i])) {
      this.#body.replaceChildren(...elements);
    }
    this.#filter();
  }

  /** @param {Booking} booking */
  #change(booking) {
    const row = this.#rows.get(booking.id);
    if (!row) return this.#list();
    row.booking = booking;
    row.flash();
    // It stays where it is, also when it no longer fits the filter: a row that
    // vanishes under the pointer takes the next click to another booking.
    this.#count();
  }

  #filter() {
    for (const row of this.#rows.values()) {
      row.element.hidden = !this.#filters.accepts(row.booking);
    }
    this.#count();
  }

  #count() {
    const rows = [...this.#rows.values()];
    const shown = rows.filter((row) => !row.element.hidden).length;
    this.#filters.count(rows.map((row) => row.booking), shown);
    if (rows.length === 0) this.#say(LIST.empty);
    else this.#say(shown === 0 ? LIST.nothing : "");
  }

  /** @param {string} text @param {...Node} more */
  #say(text, ...more) {
    this.#note.hidden = text === "";
    this.#note.replaceChildren(...(text === "" ? [] : [el("p", {}, text), ...more]));
    this.#table.hidden = text !== "";
  }
}

function head() {
  const cells = LIST.columns.map((name, index) =>
    el("th", { scope: "col", role: "columnheader", class: `column-${index}` }, name),
  );
  return el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...cells));
}

/** What is to come, soonest first; then what is over, latest first.
 * @param {number} now @returns {(a: Booking, b: Booking) => number} */
function upcomingFirst(now) {
  return (a, b) => {
    const [first, second] = [Date.parse(a.starts_at), Date.parse(b.starts_at)];
    const pasts = Number(first < now) - Number(second < now);
    if (pasts !== 0) return pasts;
    const order = first < now ? second - first : first - second;
    return order || (a.id < b.id ? -1 : 1);
  };
}
