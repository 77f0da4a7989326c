// @ts-check
/** The table of leads: searched, filtered, and painted one page at a time. */

import { Dock } from "../dock.js";
import { el, setText } from "../dom.js";
import { fold } from "../filters.js";
import { icon } from "../icons.js";
import { BULK, LEAD_STATUS, LEADS, LIST, PAGE } from "../strings.js";
import { LeadRow } from "./lead-row.js";

/** @typedef {import("./composer.js").Composer} Composer */
/** @typedef {import("./leads.js").Lead} Lead */
/** @typedef {import("./leads.js").Leads} Leads */
/** @typedef {import("../status/desk.js").StatusDesk} StatusDesk */

/** Leads on a page: of five hundred, only these have elements. */
const ROWS = 15;
const BY_NAME = new Intl.Collator("en");

/** Shows what a store holds; asks `localOf` what a lead's message waits for. */
export class LeadList {
  #store;
  #onChoose;
  #localOf;
  /** Every lead with the text that is searched, by name.
   * @type {{lead: Lead, text: string}[]} */
  #order = [];
  /** The same by id. @type {Map<string, {lead: Lead, text: string}>} */
  #entries = new Map();
  #words = /** @type {string[]} */ ([]);
  #status = "";
  #chosen = "";
  #first = 0;
  /** @type {Map<string, LeadRow>} */
  #rows = new Map();
  /** Every row that was ever shown: what was pressed in one goes on while it is not.
   * @type {Map<string, LeadRow>} */
  #made = new Map();
  #statusDesk;
  #export;
  #checkAll = el("input", { type: "checkbox", "aria-label": BULK.selectShown });
  #search = el("input", {
    type: "search",
    id: "lead-search",
    placeholder: LEADS.searchHint,
    dir: "auto",
    autocomplete: "off",
    spellcheck: "false",
  });
  #select = el("select", { "aria-label": LEADS.status });
  #range = el("p", { class: "range" });
  #previous = pageButton(LEADS.previous);
  #next = pageButton(LEADS.next);
  #body = el("tbody", { role: "rowgroup" });
  #table;
  #pager;
  #note = el("div", { class: "note" });
  /** What stays at the lower edge of the window. */
  #dock = new Dock();
  dock = this.#dock.element;

  /**
   * @param {Leads} store
   * @param {object} options
   * @param {(id: string) => void} options.onChoose
   * @param {(id: string) => Composer["local"]} options.localOf
   * @param {() => void} options.onRetry
   * @param {StatusDesk} options.status
   * @param {HTMLElement} options.exportLink
   */
  constructor(store, { onChoose, localOf, onRetry, status, exportLink }) {
    this.#statusDesk = status;
    this.#export = exportLink;
    this.#store = store;
    this.#onChoose = onChoose;
    this.#localOf = localOf;
    this.onRetry = onRetry;
    this.#table = el("table", { role: "table", "aria-labelledby": "leads-title" }, head(this.#checkAll), this.#body);
    this.#pager = el("nav", { class: "pager", "aria-label": LEADS.pages });
    this.#pager.append(this.#previous, this.#range, this.#next);
    this.element = el("div", { class: "lead-list" }, this.#filters(), this.#panel(), this.dock);
    this.dock.append(status.bar);
    this.#say(LEADS.loading);
    for (const [button, by] of /** @type {const} */ ([
      [this.#previous, -ROWS],
      [this.#next, ROWS],
    ])) {
      button.addEventListener("click", () => {
        if (button.getAttribute("aria-disabled") !== "true") this.#turn(by);
      });
    }
    this.#checkAll.addEventListener("change", () => {
      status.selection.set(this.#rows.keys(), this.#checkAll.checked);
    });
    status.selection.addEventListener("change", () => this.#paintCheckAll());
    store.addEventListener("list", () => this.#list());
    store.addEventListener("change", (event) => {
      this.#change(/** @type {CustomEvent<Lead>} */ (event).detail);
    });
  }

  close() {
    this.#dock.close();
  }

  /** @param {string} id */
  choose(id) {
    this.#chosen = id;
    this.#paint();
  }

  /** What a lead's message waits for may have changed. @param {string} id */
  refresh(id) {
    const lead = this.#store.get(id);
    if (lead) this.#rows.get(id)?.show(lead, this.#localOf(id), id === this.#chosen);
  }

  /** The list could not be fetched; what is shown stays. */
  failed() {
    if (this.#order.length > 0) return;
    const again = el("button", { type: "button", class: "small main" }, LIST.again);
    again.addEventListener("click", () => {
      this.#say(LEADS.loading);
      this.onRetry();
    });
    this.#say(LEADS.failed, again);
  }

  #filters() {
    this.#select.append(el("option", { value: "" }, LEADS.all));
    for (const [value, label] of Object.entries(LEAD_STATUS)) {
      this.#select.append(el("option", { value }, label));
    }
    this.#search.addEventListener("input", () => {
      this.#words = fold(this.#search.value).split(/\s+/).filter(Boolean);
      this.#turn(-this.#first);
    });
    this.#select.addEventListener("change", () => {
      this.#status = this.#select.value;
      this.#turn(-this.#first);
    });
    const label = el("label", { class: "hidden", for: "lead-search" }, LEADS.search);
    const field = el("div", { class: "search" }, icon("search"), label, this.#search);
    const title = el("h2", { id: "leads-title" }, PAGE.leads);
    return el("div", { class: "section-head" }, title, this.#select, field, this.#export);
  }

  #panel() {
    return el("div", { class: "panel" }, this.#table, this.#note, this.#pager);
  }

  #list() {
    this.#order = this.#store
      .all()
      .sort((a, b) => BY_NAME.compare(a.name, b.name) || (a.id < b.id ? -1 : 1))
      .map((lead) => ({ lead, text: fold(`${lead.name} ${lead.phone} ${lead.id}`) }));
    this.#entries = new Map(this.#order.map((entry) => [entry.lead.id, entry]));
    this.#paint();
  }

  /** @param {Lead} lead */
  #change(lead) {
    const entry = this.#entries.get(lead.id);
    if (!entry) return this.#list();
    // It stays where it is, also when it no longer fits the filter: a row that
    // vanishes under the pointer takes the next click to another lead.
    entry.lead = lead;
    // A row that is not shown goes on too: its button may be waiting for this.
    this.#made.get(lead.id)?.show(lead, this.#localOf(lead.id), lead.id === this.#chosen);
    this.#rows.get(lead.id)?.flash();
  }

  /** @param {number} by */
  #turn(by) {
    this.#first = Math.max(0, this.#first + by);
    this.#paint();
  }

  #paint() {
    const fitting = this.#order.filter(({ lead, text }) => {
      if (this.#status !== "" && lead.status !== this.#status) return false;
      return this.#words.every((word) => text.includes(word));
    });
    if (this.#first >= fitting.length) this.#first = 0;
    const page = fitting.slice(this.#first, this.#first + ROWS);
    this.#rows = new Map(page.map(({ lead }) => [lead.id, this.#rowOf(lead)]));
    for (const id of this.#rows.keys()) this.refresh(id);
    const elements = [...this.#rows.values()].map((row) => row.element);
    // Moving a row takes the focus from it.
    const same = elements.every((element, i) => element === this.#body.children[i]);
    if (!same || elements.length !== this.#body.children.length) {
      this.#body.replaceChildren(...elements);
    }
    this.#paintPager(page.length, fitting.length);
    this.#statusDesk.fitting(fitting.map(({ lead }) => lead.id));
    this.#paintCheckAll();
    if (this.#order.length === 0) this.#say(LEADS.empty);
    else this.#say(fitting.length === 0 ? LEADS.nothing : "");
  }

  /** @param {Lead} lead */
  #rowOf(lead) {
    const known = this.#made.get(lead.id);
    if (known) return known;
    const row = new LeadRow(lead, this.#onChoose, this.#statusDesk.partsOf(lead));
    this.#made.set(lead.id, row);
    return row;
  }

  #paintCheckAll() {
    const ids = [...this.#rows.keys()];
    const on = ids.filter((id) => this.#statusDesk.selection.has(id)).length;
    this.#checkAll.checked = on > 0 && on === ids.length;
    this.#checkAll.indeterminate = on > 0 && on < ids.length;
  }

  /** @param {number} shown @param {number} total */
  #paintPager(shown, total) {
    setText(this.#range, LEADS.range(this.#first + 1, this.#first + shown, total));
    setDisabled(this.#previous, this.#first === 0);
    setDisabled(this.#next, this.#first + shown >= total);
  }

  /** @param {string} text @param {...Node} more */
  #say(text, ...more) {
    this.#note.hidden = text === "";
    this.#note.replaceChildren(...(text === "" ? [] : [el("p", {}, text), ...more]));
    this.#table.hidden = text !== "";
    this.#pager.hidden = text !== "";
  }
}

/** @param {string} words */
function pageButton(words) {
  return el("button", { type: "button", class: "small" }, words);
}

/** It keeps the focus, unlike a button that is really disabled: turning to the last
 * page would throw the reader back to the top of the document.
 * @param {HTMLElement} button @param {boolean} on */
function setDisabled(button, on) {
  if (on) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

/** @param {HTMLInputElement} checkAll */
function head(checkAll) {
  const cells = LEADS.columns.map((name) =>
    el("th", { scope: "col", role: "columnheader" }, name),
  );
  const pick = el("th", { scope: "col", role: "columnheader", class: "pick" });
  pick.append(el("label", {}, checkAll));
  return el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, pick, ...cells));
}
