// @ts-check
/** The live feed: who changed what, and from where. */

import { el, setText } from "./dom.js";
import { icon, LEAD_ICON, SMS_ICON, STATUS_ICON } from "./icons.js";
import { ACTIVITY, CONSENT, DELIVERY, LEAD_STATUS, PAGE, STATUS } from "./strings.js";
import { timeToSecond } from "./when.js";

/** @typedef {import("./origin.js").Origin} Origin */

/**
 * @typedef {object} Entry
 * @property {string} at
 * @property {string} who
 * @property {"booking"|"sms"|"consent"|"lead"} [kind] a booking unless said otherwise
 * @property {number} [count] so many things went the same way at once; then `id` is
 *   the first of them
 * @property {boolean} [cut] there may have been more
 * @property {string} id of the booking; the lead's name
 * @property {string} [resource]
 * @property {string} [from] status
 * @property {string} to status
 * @property {Origin} origin
 */

const ROWS = 200;

/** Newest first; 200 rows. */
export class Activity {
  #rows = el("ol");
  #log = el(
    "div",
    { class: "log", role: "log", "aria-label": PAGE.activity, "aria-live": "off" },
    this.#rows,
  );
  #empty = el("p", { class: "note" }, ACTIVITY.empty);
  // It scrolls, so the keyboard must be able to get in.
  #panel = el("div", {
    class: "panel",
    tabindex: "0",
    role: "region",
    "aria-labelledby": "activity-title",
  });
  /** The line under what came while nobody was there to see it, while it grows.
   * @type {{line: HTMLElement, count: number}|null} */
  #away = null;

  constructor() {
    const aloud = el("button", { type: "button", class: "small", "aria-pressed": "false" });
    aloud.append(ACTIVITY.aloud);
    aloud.addEventListener("click", () => {
      const on = aloud.getAttribute("aria-pressed") !== "true";
      aloud.setAttribute("aria-pressed", String(on));
      this.#log.setAttribute("aria-live", on ? "polite" : "off");
    });
    const title = el("h2", { id: "activity-title" }, PAGE.activity);
    this.#panel.append(this.#empty, this.#log);
    this.element = el(
      "aside",
      { class: "activity", "aria-labelledby": "activity-title" },
      el("div", { class: "section-head" }, title, aloud),
      this.#panel,
    );
  }

  close() {
    this.element.remove();
  }

  /** Show *node* above the feed. @param {HTMLElement} node */
  head(node) {
    this.#panel.before(node);
  }

  /** What happened before the page was opened, newest first. @param {Entry[]} entries */
  fill(entries) {
    this.#rows.append(...entries.map((entry) => row(entry)));
    this.#trim();
  }

  /** @param {Entry} entry @param {boolean} missed it happened while not connected */
  add(entry, missed) {
    if (missed || document.visibilityState === "hidden") this.#countAway();
    else this.#away = null;
    const line = row(entry, true);
    this.#prepend(line);
    return line;
  }

  /** More is known of what a line that `add` gave is about.
   * @param {HTMLElement} line @param {Entry} entry */
  repaint(line, entry) {
    line.replaceChildren(...row(entry).childNodes);
  }

  /** Events are lost for good. */
  gap() {
    this.#away = null;
    this.#prepend(el("li", { class: "divider" }, ACTIVITY.gap));
  }

  #countAway() {
    if (this.#away === null) {
      this.#away = { line: el("li", { class: "divider" }), count: 0 };
      this.#prepend(this.#away.line);
    }
    this.#away.count += 1;
    setText(this.#away.line, ACTIVITY.away(this.#away.count));
  }

  /** @param {HTMLElement} element */
  #prepend(element) {
    this.#rows.prepend(element);
    this.#trim();
  }

  #trim() {
    while (this.#rows.children.length > ROWS) this.#rows.lastElementChild?.remove();
    this.#empty.hidden = this.#rows.children.length > 0;
  }
}

/** What the states of each kind are called, how they look, and what it is about. */
const KINDS = Object.freeze({
  booking: { words: STATUS, icons: STATUS_ICON, what: "" },
  sms: { words: DELIVERY, icons: SMS_ICON, what: ACTIVITY.sms },
  consent: {
    words: CONSENT,
    icons: /** @type {Record<string, string>} */ ({ open: "check", opted_out: "cross" }),
    what: ACTIVITY.consent,
  },
  lead: {
    words: LEAD_STATUS,
    icons: LEAD_ICON,
    what: "",
  },
});

/** @param {Entry} entry @param {boolean} [fresh] */
function row(entry, fresh = false) {
  const { at, who, kind = "booking", id, resource, from, to, origin, count = 1, cut } = entry;
  const { words, icons, what: about } = KINDS[kind];
  const status = (/** @type {string} */ name) => words[name] ?? name;
  const mark = el("span", { class: "mark", "data-status": to }, icon(icons[to] ?? "minus"));
  const rest = resource || about;
  const named = count > 1 ? ACTIVITY.leads(count, cut) : id;
  const what = el("span", { class: "what" }, el("b", {}, named), rest ? ` ${rest}` : "");
  // A message begins somewhere; a booking that we never saw has been something.
  const before = from ? status(from) : kind === "booking" ? ACTIVITY.unknownBefore : "";
  const change = el("span", { class: "change" }, before ? `${before} → ${status(to)}` : status(to));
  const by = el("span", { class: "who" }, who ? ACTIVITY.by(who) : "");
  const badge = el("span", { class: "badge", "data-origin": origin }, ACTIVITY.origin[origin]);
  const time = el("time", { datetime: at }, timeToSecond(at));
  return el("li", { class: fresh ? "fresh" : "" }, mark, what, time, change, by, badge);
}
