// @ts-check
/**
 * Which status may follow which, as the server says: in its table, and in every
 * refusal, which is newer than the table.
 *
 * The page has no rules of its own. Without a table every other status is offered,
 * and the refusal teaches which ones are possible.
 *
 * @module
 */

import { LEAD_STATUS } from "../strings.js";

/** @typedef {Pick<import("../sms/leads.js").Lead, "id"|"status"|"version">} Lead */

/**
 * @typedef {object} Table
 * @property {Record<string, string[]>} transitions what may follow each status
 * @property {{to?: string[], from?: string[]}} [reason] steps that need a reason: into
 *   these, and out of these
 */

/** Dispatches `change` when it has learned something. */
export class Pipeline extends EventTarget {
  /** @type {Map<string, string[]>} */
  #next = new Map();
  /** The same for one lead, by id, status and version. @type {Map<string, string[]>} */
  #nextOf = new Map();
  /** @type {Set<string>} */
  #reasonTo = new Set();
  /** @type {Set<string>} */
  #reasonFrom = new Set();
  /** Steps of which a refusal said so. @type {Set<string>} */
  #reasonFor = new Set();

  /** Take over the server's table. @param {Table} table */
  load({ transitions, reason = {} }) {
    this.#next = new Map(Object.entries(transitions));
    this.#nextOf.clear();
    this.#reasonTo = new Set(reason.to ?? []);
    this.#reasonFrom = new Set(reason.from ?? []);
    this.#told();
  }

  /** What may follow for *lead*; all others if nobody has said. @param {Lead} lead */
  after(lead) {
    const { status } = lead;
    return this.#nextOf.get(nameOf(lead)) ?? this.#next.get(status) ?? others(status);
  }

  /** @param {Lead} lead @param {string} to */
  allows(lead, to) {
    return this.after(lead).includes(to);
  }

  /** @param {string} from @param {string} to */
  needsReason(from, to) {
    const named = this.#reasonTo.has(to) || this.#reasonFrom.has(from);
    return named || this.#reasonFor.has(`${from} ${to}`);
  }

  /**
   * A refusal has named what is possible. For this lead only, and as it is now: one
   * that wants no messages has no way on until it has written START, which makes
   * another version of it.
   *
   * @param {Lead} lead @param {string[]} allowed
   */
  learn(lead, allowed) {
    this.#nextOf.set(nameOf(lead), allowed);
    this.#told();
  }

  /** A refusal has asked for a reason. @param {string} from @param {string} to */
  learnReason(from, to) {
    this.#reasonFor.add(`${from} ${to}`);
    this.#told();
  }

  #told() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {Lead} lead */
function nameOf({ id, status, version }) {
  return `${id} ${status} ${version}`;
}

/** @param {string} status */
function others(status) {
  return Object.keys(LEAD_STATUS).filter((each) => each !== status);
}
