// @ts-check
/** Moving leads: one at a time, or many in parts, each request under a key. */

import { IdempotentFetch } from "/syncpatterns/idempotent-fetch.js";
import { IntentStore } from "/syncpatterns/intent-store.js";
import { storageKey } from "/syncpatterns/storage-key.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("/syncpatterns/intent-store.js").Intent} Intent */
/** @typedef {import("../elements/sync-button.js").How} How */
/** @typedef {import("../sms/leads.js").Lead} Lead */

const UPDATE = "/api/leads/update-status";
const CANCEL = `${UPDATE}/cancel`;
const OPERATION = "leads.update-status";
/** Five hundred rows on a slow disk, and a queue before them. */
const TIMEOUT = 30_000;

/**
 * What is wished of one lead: the very body of the request.
 *
 * @typedef {object} Wish
 * @property {string} lead_id
 * @property {string} to
 * @property {number} version that the row showed
 * @property {string} [reason]
 */

/** @typedef {{updates: Wish[], mode: string}} Part one request of a bulk */

/** One tenant's changes on their way. Dispatches `part` (detail: the short hash of its
 * key) when a part of a bulk is about to leave. */
export class StatusService extends EventTarget {
  #tenant;
  #headers;
  #client;
  #parts;
  #cancels;
  /** The key that the next part gets. */
  #key = "";

  /**
   * @param {object} options
   * @param {string} options.tenant
   * @param {Record<string, string>} options.headers
   * @param {IntentStore} options.store
   * @param {(hash: string) => void} options.onKey told the short hash of each key
   */
  constructor({ tenant, headers, store, onKey }) {
    super();
    this.#tenant = tenant;
    this.#headers = headers;
    const common = { store, probe: "/api/health/live", timeout: TIMEOUT };
    /** @param {Intent} intent */
    const named = async ({ key }) => {
      const hash = await storageKey({ scope: tenant, operation: OPERATION, key });
      const short = hash?.slice(0, 8) ?? null;
      if (short !== null) onKey(short);
      return short;
    };
    this.#client = new IdempotentFetch({
      ...common,
      nameOf: async (intent) => {
        const short = await named(intent);
        return short === null ? null : `${short} ${wishOf(intent).lead_id}`;
      },
    });
    this.#parts = new IdempotentFetch({
      ...common,
      mint: () => this.#key,
      // An event tells of one lead only, so that none settles a part.
      nameOf: async (intent) => {
        const short = await named(intent);
        this.dispatchEvent(new CustomEvent("part", { detail: short }));
        return null;
      },
    });
    // Under the key of a part, which the store of the others keeps for that part;
    // and a page that is loaded anew learns what became of it from the part itself.
    this.#cancels = new IdempotentFetch({
      ...common,
      store: new IntentStore({ factory: null }),
      mint: () => this.#key,
    });
  }

  /** @param {Wish} wish @param {How} how */
  move(wish, how) {
    return this.#client.send(this.#request(wish), how);
  }

  /**
   * Send one part of a bulk.
   *
   * Its key is given, not minted: a page that died between an answer and the note
   * of it sends the part again, and only the same key makes that a replay.
   *
   * @param {Part} part @param {string} key @param {How} how
   */
  movePart(part, key, how) {
    this.#key = key;
    return this.#parts.send(this.#request(part), how);
  }

  /**
   * See to it that a part is not done, if it is not done yet.
   *
   * @param {Part} part @param {string} key
   * @returns {Promise<"cancelled"|"too-late"|"unheard">} `unheard`: it may still be done
   */
  async cancelPart(part, key) {
    this.#key = key;
    const { headers } = this.#request(part);
    const wish = { url: CANCEL, body: part, scope: `${this.#tenant} ${key}`, headers };
    const { kind, body } = await this.#cancels.send(wish);
    if (kind !== "done" && kind !== "refused") return "unheard";
    return kind === "done" && body?.cancelled === true ? "cancelled" : "too-late";
  }

  /** @param {Intent} intent @param {How} how */
  resume(intent, how) {
    return this.#client.resume(intent, { headers: this.#headers, ...how });
  }

  /** @param {Intent} intent */
  forget(intent) {
    return this.#client.forget(intent);
  }

  /** Single changes that were pressed before this page was loaded and never answered. */
  async pending() {
    const all = await this.#client.pending(this.#tenant);
    return all.filter((intent) => intent.url === UPDATE && "lead_id" in JSON.parse(intent.body));
  }

  /** An event says that a change was made. @param {string} hash @param {Lead} lead */
  settle(hash, lead) {
    return this.#client.settle(`${hash.slice(0, 8)} ${lead.id}`, { lead, changed: true });
  }

  /** @param {Wish|Part} body */
  #request(body) {
    return { url: UPDATE, body, scope: this.#tenant, headers: this.#headers };
  }
}

/** @param {Intent} intent @returns {Wish} */
export function wishOf(intent) {
  return JSON.parse(intent.body);
}
