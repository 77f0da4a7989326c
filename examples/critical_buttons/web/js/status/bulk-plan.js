// @ts-check
/**
 * Many leads to move: cut into parts, added up, and kept so that a page that is
 * loaded anew goes on where the last one was cut off.
 *
 * @module
 */

/** @typedef {import("../sms/leads.js").Lead} Lead */
/** @typedef {import("./service.js").Part} Part */

/** What the server takes at once. */
export const PART = 500;

/**
 * @typedef {object} Refused
 * @property {string} lead_id
 * @property {any} problem
 */

/**
 * @typedef {object} Plan plain data, as it is stored
 * @property {string} op begins the key of every part
 * @property {string} to
 * @property {string} reason "" for none
 * @property {"atomic"|"partial"} mode
 * @property {[string, number][]} rows lead and the version that its row showed
 * @property {number} next the first part without a definite answer
 * @property {number} changed
 * @property {number} unchanged
 * @property {Refused[]} refused
 * @property {boolean} replayed every answer so far was a repeated one
 * @property {number} at when something was last sent, ms since 1970; 0 while nothing is
 *   on its way
 */

/**
 * @param {Pick<Lead, "id"|"version">[]} leads one that is named twice goes once
 * @param {{to: string, reason: string, mode: "atomic"|"partial"}} wish
 * @returns {Plan}
 */
export function planOf(leads, { to, reason, mode }) {
  const rows = new Map(leads.map(({ id, version }) => [id, version]));
  return {
    op: mintOp(),
    to,
    reason,
    mode,
    rows: [...rows],
    next: 0,
    changed: 0,
    unchanged: 0,
    refused: [],
    replayed: true,
    at: 0,
  };
}

/** @param {Plan} plan */
export function partsOf({ rows }) {
  return Math.ceil(rows.length / PART);
}

/** Leads of the parts before *part*. @param {Plan} plan @param {number} [part] */
export function settledRows({ rows, next }, part = next) {
  return Math.min(rows.length, part * PART);
}

/** The same bytes at every call: a key goes with them. @param {Plan} plan @returns {Part} */
export function partOf({ rows, next, to, reason, mode }) {
  const why = reason === "" ? {} : { reason };
  const updates = rows
    .slice(next * PART, (next + 1) * PART)
    .map(([lead_id, version]) => ({ lead_id, to, version, ...why }));
  return { updates, mode };
}

/** @param {Plan} plan */
export function keyOf({ op, next }) {
  return `${op}:${next}`;
}

/**
 * The plan after an answer that had a result for every row of its part.
 *
 * @param {Plan} plan
 * @param {{changed: number, unchanged: number, results: any[]}} answer
 * @param {boolean} replayed
 * @returns {Plan}
 */
export function answered(plan, { changed, unchanged, results }, replayed) {
  const guilty = results
    .filter(({ outcome }) => outcome === "refused")
    .map(({ lead_id, problem }) => ({ lead_id, problem }));
  return {
    ...plan,
    next: plan.next + 1,
    changed: plan.changed + changed,
    unchanged: plan.unchanged + unchanged,
    refused: [...plan.refused, ...guilty],
    replayed: plan.replayed && replayed,
  };
}

/** 128 random bits; randomUUID exists only on secure origins. */
function mintOp() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} name @returns {Plan[]} none if it is not ours to read */
function read(name) {
  try {
    const plan = JSON.parse(localStorage.getItem(name) ?? "");
    return Array.isArray(plan?.rows) && Array.isArray(plan?.refused) ? [plan] : [];
  } catch {
    return [];
  }
}

/** The plans of one tenant that are not finished, in this browser. */
export class PlanStore {
  #prefix;

  /** @param {string} tenant */
  constructor(tenant) {
    this.#prefix = `lead-bulk ${tenant} `;
  }

  /** @param {Plan} plan @returns {boolean} false: a reload will have forgotten it */
  keep(plan) {
    try {
      localStorage.setItem(this.#prefix + plan.op, JSON.stringify(plan));
      return true;
    } catch {
      return false;
    }
  }

  /** @param {Plan} plan */
  drop({ op }) {
    try {
      localStorage.removeItem(this.#prefix + op);
    } catch {
      // Storage is blocked: nothing was kept.
    }
  }

  /** Oldest first. @returns {Plan[]} */
  all() {
    try {
      return Object.keys(localStorage)
        .filter((name) => name.startsWith(this.#prefix))
        .flatMap((name) => read(name))
        .sort((a, b) => a.at - b.at);
    } catch {
      return [];
    }
  }
}
