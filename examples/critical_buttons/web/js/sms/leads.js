// @ts-check
/** The leads the page knows, and what became of the last message to each. */

import { Store } from "../store.js";

/**
 * @typedef {object} Lead
 * @property {string} id
 * @property {string} name
 * @property {string} phone masked
 * @property {string} status
 * @property {boolean} opted_out
 * @property {boolean} under_review
 * @property {number} version
 * @property {string} updated_at
 * @property {{status: string, at: string}|null} last_sms
 */

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {string} lead_id
 * @property {"outbound"|"inbound"} direction
 * @property {string} body
 * @property {string} status
 * @property {number} segments
 * @property {string} encoding
 * @property {string} provider_id
 * @property {string|null} error_code
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string} by
 * @property {string|null} op_key_hash
 */

/** @extends {Store<Lead>} */
export class Leads extends Store {
  /** When the newest message to each lead was made. @type {Map<string, string>} */
  #newest = new Map();

  /** A message to a lead is no change of the lead, and has no version.
   * @protected @override @param {Lead} known @param {Lead} next */
  supersedes(known, next) {
    if (next.version !== known.version) return next.version > known.version;
    return (next.last_sms?.at ?? "") > (known.last_sms?.at ?? "");
  }

  /** A message was sent, or its status has changed. @param {Message} message */
  noteMessage({ lead_id: id, direction, status, created_at: made, updated_at: at }) {
    const lead = this.get(id);
    if (!lead || direction !== "outbound" || made < (this.#newest.get(id) ?? "")) return;
    this.#newest.set(id, made);
    this.apply({ ...lead, last_sms: { status, at } });
  }
}

/** How far a status is; what comes late never takes a message back. */
const RANK = ["queued", "sending", "sent", "delivered", "read"];

/** @param {string} status */
function rank(status) {
  const end = status === "undelivered" || status === "failed";
  return end ? RANK.indexOf("delivered") : RANK.indexOf(status);
}

/** The messages of the leads that somebody has looked at; dispatches `change`
 * (detail: id of the lead). */
export class Messages extends EventTarget {
  /** By lead, then by id. @type {Map<string, Map<string, Message>>} */
  #known = new Map();
  /** Status of every message that was seen, by id. @type {Map<string, string>} */
  #statuses = new Map();

  /** Newest first. @param {string} leadId @returns {Message[]|null} null: never fetched */
  of(leadId) {
    const known = this.#known.get(leadId);
    if (!known) return null;
    return [...known.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  }

  /** What a message was before, as far as the page has seen it. @param {string} id */
  statusOf(id) {
    return this.#statuses.get(id);
  }

  /** The leads whose messages are known. */
  leads() {
    return [...this.#known.keys()];
  }

  /** @param {string} leadId @param {Message[]} list all that there are */
  fill(leadId, list) {
    const before = this.#known.get(leadId);
    this.#known.set(leadId, new Map(before));
    for (const message of list) this.#put(message);
    this.#tell(leadId);
  }

  /** @param {Message} message */
  apply(message) {
    this.#put(message);
    this.#tell(message.lead_id);
  }

  /** @param {Message} message */
  #put(message) {
    const of = this.#known.get(message.lead_id);
    const known = of?.get(message.id);
    if (!known || rank(message.status) >= rank(known.status)) of?.set(message.id, message);
    this.#statuses.set(message.id, message.status);
  }

  /** @param {string} leadId */
  #tell(leadId) {
    this.dispatchEvent(new CustomEvent("change", { detail: leadId }));
  }
}
