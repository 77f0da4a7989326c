// @ts-check
/** What happened to one lead, newest first, as it happens. */

import { el, setText } from "../dom.js";
import { icon } from "../icons.js";
import { CONSENT, DELIVERY, LEAD_STATUS, TRAIL } from "../strings.js";
import { soon } from "../when.js";

/**
 * @typedef {object} Line
 * @property {string} at
 * @property {string} actor
 * @property {string} source
 * @property {string} action
 * @property {string|null} from
 * @property {string|null} to
 * @property {string|null} reason
 * @property {number|null} version_from
 * @property {number|null} version_to
 * @property {string|null} bulk_id
 */

/** @type {Record<string, Readonly<Record<string, string>>>} */
const WORDS = { "lead.status": LEAD_STATUS, "sms.send": DELIVERY, "consent.change": CONSENT };

/** A modal dialog: the browser keeps the focus in, closes it on Escape, and takes the
 * focus back to where it was opened. */
export class Trail {
  #fetch;
  #lead = "";
  #loading = false;
  #loadAgain = false;
  #title = el("h3", { id: "trail-title" });
  #note = el("p", { class: "hint" });
  #again = el("button", { type: "button", class: "small" }, TRAIL.again);
  #lines = el("ol", { class: "trail-lines" });

  /** @param {(leadId: string) => Promise<Line[]>} fetchLines newest first */
  constructor(fetchLines) {
    this.#fetch = fetchLines;
    const close = el("button", { type: "button", class: "close", "aria-label": TRAIL.close });
    close.append(icon("cross"));
    const head = el("div", { class: "trail-head" }, this.#title, close);
    const body = el(
      "div",
      // It scrolls, so the keyboard must be able to get in.
      { class: "trail-body", tabindex: "0", role: "region", "aria-labelledby": "trail-title" },
      this.#note,
      this.#again,
      this.#lines,
    );
    this.element = el("dialog", { class: "trail", "aria-labelledby": "trail-title" }, head, body);
    close.addEventListener("click", () => this.element.close());
    this.#again.addEventListener("click", () => void this.#load());
    this.element.addEventListener("close", () => {
      this.#lead = "";
    });
    this.element.addEventListener("click", ({ target }) => {
      // Only the backdrop is the dialog itself; all else lies on it.
      if (target === this.element) this.element.close();
    });
  }

  /** @param {string} id @param {string} name */
  open(id, name) {
    this.#lead = id;
    setText(this.#title, TRAIL.title(name));
    this.#lines.replaceChildren();
    this.#say(TRAIL.loading);
    this.element.showModal();
    void this.#load();
  }

  /** Something has happened to this lead. @param {string} id */
  note(id) {
    if (id === this.#lead) void this.#load();
  }

  /** Events were lost, or may have been. */
  onGap() {
    if (this.#lead !== "") void this.#load();
  }

  async #load() {
    if (this.#loading) {
      this.#loadAgain = true;
      return;
    }
    this.#loading = true;
    const id = this.#lead;
    try {
      const lines = await this.#fetch(id);
      if (id === this.#lead) this.#show(lines);
    } catch {
      if (id === this.#lead && this.#lines.children.length === 0) this.#say(TRAIL.failed, true);
    }
    this.#loading = false;
    if (this.#loadAgain && this.#lead !== "") {
      this.#loadAgain = false;
      await this.#load();
    }
  }

  /** @param {Line[]} lines */
  #show(lines) {
    this.#say(lines.length === 0 ? TRAIL.empty : "");
    this.#lines.replaceChildren(...lines.map(row));
  }

  /** @param {string} text @param {boolean} [failed] */
  #say(text, failed = false) {
    setText(this.#note, text);
    this.#note.hidden = text === "";
    this.#again.hidden = !failed;
  }
}

/** @param {Line} line */
function row({ at, actor, source, action, from, to, reason, version_from: was, version_to: is }) {
  const words = WORDS[action] ?? {};
  const named = (/** @type {string} */ status) => words[status] ?? status;
  const about = TRAIL.actions[action];
  const change = from && from !== to ? `${named(from)} → ${named(to ?? "")}` : named(to ?? action);
  const meta = [soon(at), TRAIL.by(actor), TRAIL.sources[source] ?? ""].filter(Boolean);
  if (was !== null && is !== null && was !== is) meta.push(TRAIL.versions(was, is));
  return el(
    "li",
    { "data-action": action },
    el("p", { class: "trail-change" }, about && el("span", { class: "hint" }, `${about} `), change),
    reason && el("p", { class: "trail-reason", dir: "auto" }, `“${reason}”`),
    el("p", { class: "meta" }, el("time", { datetime: at }, meta.join(" · "))),
  );
}
