// @ts-check
/** Search and status filter above the table. */

import { el, radios, setText } from "./dom.js";
import { icon } from "./icons.js";
import { LIST, PAGE, STATUS } from "./strings.js";

/** @typedef {import("./bookings.js").Booking} Booking */

const ALL = "all";

/** Dispatches `change` when the choice has changed. */
export class Filters extends EventTarget {
  #status = ALL;
  #words = /** @type {string[]} */ ([]);
  #search = el("input", {
    type: "search",
    id: "search",
    placeholder: LIST.searchHint,
    dir: "auto",
    autocomplete: "off",
    spellcheck: "false",
  });
  /** @type {Map<string, HTMLElement>} */
  #counts = new Map();
  #shown = el("p", { class: "shown" });
  #pills;

  constructor() {
    super();
    this.#search.addEventListener("input", () => {
      this.#words = fold(this.#search.value).split(/\s+/).filter(Boolean);
      this.dispatchEvent(new Event("change"));
    });
    this.#pills = radios({
      name: "status",
      legend: LIST.filter,
      className: "pills",
      value: ALL,
      choices: [[ALL, LIST.all], ...Object.entries(STATUS)].map(([value = "", label = ""]) => ({
        value,
        label,
        content: [label, this.#count(value)],
      })),
      onChange: (value) => {
        this.#status = value;
        this.dispatchEvent(new Event("change"));
      },
    });
    const label = el("label", { class: "hidden", for: "search" }, LIST.search);
    const title = el("h2", { id: "bookings-title" }, PAGE.bookings);
    const field = el("div", { class: "search" }, icon("search"), label, this.#search);
    const head = el("div", { class: "section-head" }, title, this.#shown, field);
    this.element = el("div", { class: "filters" }, head, this.#pills);
  }

  /** @param {Booking} booking */
  accepts({ id, resource, customer, status }) {
    if (this.#status !== ALL && this.#status !== status) return false;
    const text = fold(`${id} ${resource} ${customer}`);
    return this.#words.every((word) => text.includes(word));
  }

  /** @param {Booking[]} bookings @param {number} shown */
  count(bookings, shown) {
    for (const [status, node] of this.#counts) {
      const fits = bookings.filter((each) => status === ALL || each.status === status).length;
      setText(node, String(fits));
      const pill = node.closest("label");
      if (pill) pill.hidden = fits === 0 && status !== this.#status && status !== ALL;
    }
    setText(this.#shown, LIST.shown(shown, bookings.length));
  }

  /** @param {string} status */
  #count(status) {
    const node = el("span", { class: "count" });
    this.#counts.set(status, node);
    return node;
  }
}

/** Without case and accents: "zak" finds "Żak". @param {string} text */
export function fold(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
