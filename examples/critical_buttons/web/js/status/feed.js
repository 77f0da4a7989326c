// @ts-check
/** What the live feed says of leads that were moved: one line for a whole bulk. */

/** @typedef {import("../activity.js").Activity} Activity */
/** @typedef {import("../activity.js").Entry} Entry */
/** @typedef {import("../origin.js").Origins} Origins */
/** @typedef {import("../sms/leads.js").Lead} Lead */

/**
 * @typedef {object} Moved as the event tells it
 * @property {Lead} lead
 * @property {string|null} [by]
 * @property {string|null} [key_hash]
 * @property {string|null} [bulk_id]
 * @property {string|null} [from]
 * @property {string|null} [to]
 */

/** How often a line that counts is painted again, ms. */
const PACE = 100;

export class LeadFeed {
  #origins;
  #activity;
  /** @type {{bulk: string, entry: Entry, line: HTMLElement}|null} */
  #bulk = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;

  /**
   * @param {object} options
   * @param {Origins} options.origins
   * @param {Activity} options.activity
   */
  constructor({ origins, activity }) {
    this.#origins = origins;
    this.#activity = activity;
  }

  /** @param {Moved} moved @param {boolean} missed @param {string} [at] */
  note({ lead, by, key_hash: hash, bulk_id: bulk, from, to }, missed, at) {
    if (!to || from === to) return;
    const origin = this.#origins.of(hash?.slice(0, 8));
    const entry = {
      at: at ?? lead.updated_at,
      who: by ?? "",
      id: lead.name,
      kind: /** @type {const} */ ("lead"),
      ...(from ? { from } : {}),
      to,
      origin,
    };
    if (bulk && this.#bulk?.bulk === bulk) return this.#count();
    const line = this.#activity.add(entry, missed && origin !== "tab");
    this.#bulk = bulk ? { bulk, entry: { ...entry, count: 1 }, line } : null;
  }

  /** One more of the bulk that the newest line is about. */
  #count() {
    const counted = this.#bulk;
    if (!counted) return;
    const { from: _, ...entry } = counted.entry;
    counted.entry = { ...entry, count: (entry.count ?? 1) + 1 };
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#activity.repaint(counted.line, counted.entry);
    }, PACE);
  }
}
