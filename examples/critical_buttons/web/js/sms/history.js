// @ts-check
/** What was written to one lead and by it, newest first, as it changes. */

import { el, setText } from "../dom.js";
import { SMS } from "../strings.js";
import { soon } from "../when.js";
import { deliveryChip, whyNot } from "./chips.js";

/** @typedef {import("./leads.js").Message} Message */

/** Older ones are not painted; nobody reads a hundred messages here. */
const SHOWN = 100;

/** Keeps one element a message, so that a changed status moves nothing. */
export class History {
  #list = el("ol", { class: "messages" });
  #note = el("p", { class: "hint" });
  /** @type {Map<string, {element: HTMLElement, painted: string}>} */
  #rows = new Map();

  /** @param {string} id of its title */
  constructor(id) {
    const title = el("h4", { id }, SMS.history);
    this.element = el(
      "section",
      { class: "history", "aria-labelledby": id },
      title,
      this.#note,
      this.#list,
    );
    this.show(null);
  }

  /** @param {Message[]|null} messages newest first; null: not known */
  show(messages) {
    const shown = (messages ?? []).slice(0, SHOWN);
    const elements = shown.map((message) => this.#row(message));
    const same = elements.every((element, i) => element === this.#list.children[i]);
    if (!same || elements.length !== this.#list.children.length) {
      this.#list.replaceChildren(...elements);
    }
    this.#note.hidden = shown.length > 0;
    setText(this.#note, messages === null ? "" : SMS.noHistory);
  }

  failed() {
    if (this.#list.children.length > 0) return;
    this.#note.hidden = false;
    setText(this.#note, SMS.historyFailed);
  }

  /** @param {Message} message */
  #row(message) {
    const painted = `${message.status} ${message.error_code}`;
    const known = this.#rows.get(message.id);
    if (known?.painted === painted) return known.element;
    const element = known?.element ?? el("li", { "data-message-id": message.id });
    element.dataset.direction = message.direction;
    element.dataset.status = message.status;
    element.replaceChildren(...parts(message));
    this.#rows.set(message.id, { element, painted });
    return element;
  }
}

/** @param {Message} message */
function parts(message) {
  const { body, status, created_at: at, by, direction, segments, encoding } = message;
  const inbound = direction === "inbound";
  const size = inbound || segments < 2 ? "" : ` · ${segments} × ${encoding}`;
  const who = inbound ? SMS.from : SMS.by(by);
  const meta = el(
    "p",
    { class: "meta" },
    el("time", { datetime: at }, soon(at)),
    ` · ${who}${size}`,
  );
  const why = whyNot(message);
  const under = el("div", { class: "under" }, meta, deliveryChip(status));
  const reason = why === "" ? [] : [el("p", { class: "why" }, why)];
  return [el("p", { class: "body", dir: "auto" }, body), under, ...reason];
}
