// @ts-check
/** Sending messages, and settling those whose fate is not known. */

import { IdempotentFetch } from "/syncpatterns/idempotent-fetch.js";
import { storageKey } from "/syncpatterns/storage-key.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("/syncpatterns/intent-store.js").Intent} Intent */
/** @typedef {import("/syncpatterns/intent-store.js").IntentStore} IntentStore */
/** @typedef {import("../api.js").Api} Api */
/** @typedef {import("../elements/sync-button.js").How} How */
/** @typedef {import("./leads.js").Message} Message */

const SEND = "/api/leads/send-sms";
const OPERATION = "sms.send";
/** The server itself waits for its provider, looks the message up, and tries again. */
const TIMEOUT = 30_000;

/** @typedef {"sent"|"not-sent"|"check"} Verdict */

/**
 * What became of an open question. `gone`: somebody else has settled it, and it is
 * not among the messages; `failed`: nobody could be asked.
 *
 * @typedef {{outcome: "sent"|"not-sent"|"unknown"|"gone"|"failed", message: Message|null}} Settled
 */

/** One tenant's messages on their way. */
export class SmsService {
  #tenant;
  #api;
  #client;

  /**
   * @param {object} options
   * @param {string} options.tenant
   * @param {Api} options.api
   * @param {IntentStore} options.store
   * @param {(hash: string) => void} options.onKey told the short hash of each key
   */
  constructor({ tenant, api, store, onKey }) {
    this.#tenant = tenant;
    this.#api = api;
    this.#client = new IdempotentFetch({
      store,
      probe: "/api/health/live",
      timeout: TIMEOUT,
      verdicts: {
        // Told as 502 since somebody behind the server refused; it is an answer.
        "provider-rejected": "refused",
        // Nothing is stored, and the same key sends once it is day there.
        "quiet-hours": "retry",
      },
      nameOf: async (intent) => {
        const short = (await this.#hashOf(intent))?.slice(0, 8) ?? null;
        if (short !== null) onKey(short);
        return short;
      },
    });
  }

  /** @param {string} leadId @param {string} body @param {How} how */
  send(leadId, body, how) {
    const wish = { url: SEND, body: { lead_id: leadId, body }, scope: this.#tenant };
    return this.#client.send({ ...wish, headers: this.#api.headers }, how);
  }

  /** @param {Intent} intent @param {How} how */
  resume(intent, how) {
    return this.#client.resume(intent, { headers: this.#api.headers, ...how });
  }

  /** @param {Intent} intent */
  forget(intent) {
    return this.#client.forget(intent);
  }

  /** What was pressed before this page was loaded and never answered. */
  async pending() {
    const all = await this.#client.pending(this.#tenant);
    return all.filter(({ url }) => url === SEND);
  }

  /** An event says that the message was handed over.
   * @param {string} hash @param {Message} message */
  settle(hash, message) {
    return this.#client.settle(hash.slice(0, 8), { message, changed: true });
  }

  /** The provider works again: whatever waits for that may go. */
  nudge() {
    this.#client.nudge();
  }

  /**
   * Settle an unknown outcome; only for a person to decide.
   *
   * @param {Intent} intent
   * @param {Verdict} verdict `check` asks the provider once more
   * @returns {Promise<Settled>}
   */
  async resolve(intent, verdict) {
    try {
      const hash = await this.#hashOf(intent);
      const open = await this.#api.unresolved();
      const found = open.find((each) => hash !== null && sameHash(each.key_hash, hash));
      if (!found) return await this.#settledElsewhere(intent, hash);
      return await this.#api.resolve(found.key_hash, verdict);
    } catch {
      return { outcome: "failed", message: null };
    }
  }

  /**
   * Somebody else was quicker: the messages tell. The request itself must not be
   * asked, since after "not sent" it would send.
   *
   * @param {Intent} intent
   * @param {string|null} hash
   * @returns {Promise<Settled>}
   */
  async #settledElsewhere(intent, hash) {
    const history = await this.#api.history(wishOf(intent).lead_id);
    const message = history.find(
      ({ op_key_hash: shown }) => shown !== null && hash !== null && sameHash(shown, hash),
    );
    return message ? { outcome: "sent", message } : { outcome: "gone", message: null };
  }

  /** @param {Intent} intent */
  #hashOf({ key }) {
    return storageKey({ scope: this.#tenant, operation: OPERATION, key });
  }
}

/** The server may show a hash in full or its beginning.
 * @param {string} shown @param {string} full */
function sameHash(shown, full) {
  return shown.length >= 8 && full.startsWith(shown);
}

/** @param {Intent} intent @returns {{lead_id: string, body: string}} */
export function wishOf(intent) {
  return JSON.parse(intent.body);
}
