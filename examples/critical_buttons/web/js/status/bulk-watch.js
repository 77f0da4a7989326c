// @ts-check
/**
 * The moves that are under way elsewhere: in another tab, or by somebody else.
 *
 * Of another tab's move its tab tells, from the first part to the last; of
 * somebody else's the server tells, one part at a time. What is told may stop: the
 * tab is closed, the server is killed. Then that is said, and nothing is claimed.
 *
 * @module
 */

import { isFree, lockOf } from "./bulk-run.js";

/** @typedef {import("../origin.js").Origins} Origins */
/** @typedef {import("./bulk-plan.js").Plan} Plan */
/** @typedef {import("./bulk-plan.js").PlanStore} PlanStore */
/** @typedef {import("./bulk-signal.js").BulkSignal} BulkSignal */
/** @typedef {import("./bulk-signal.js").Told} Told */

/**
 * @typedef {object} Move
 * @property {string} id
 * @property {string} who "" for another tab of this browser
 * @property {string|null} to null if not all go the same way
 * @property {number} done
 * @property {number} total
 * @property {Told["state"]|"told-done"|"undone"|"silent"|"left"} state `told-done`: the
 *   server has said how many are as wished; `undone`: that none is; `silent`: no more is
 *   heard; `left`: the tab is closed, and the plan is still here
 * @property {Told["tally"]|null} tally
 * @property {Plan|null} plan what can be gone on with
 */

/** How long the end of a move is shown, ms. */
const SHOWN = 12_000;
/** A server that works tells more within this, ms. */
const SILENT = 20_000;
/** A page that is loaded anew goes on with its own move within this, ms. */
const RELOAD = 2500;

/** Dispatches `change`. */
export class BulkWatch extends EventTarget {
  #origins;
  #plans;
  /** @type {Map<string, Move>} */
  #moves = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  /** Moves whose tab is being waited for. @type {Map<string, AbortController>} */
  #waits = new Map();

  /**
   * @param {object} options
   * @param {BulkSignal} options.signal
   * @param {Origins} options.origins
   * @param {PlanStore} options.plans
   */
  constructor({ signal, origins, plans }) {
    super();
    this.#origins = origins;
    this.#plans = plans;
    signal.addEventListener("told", (event) => {
      this.#told(/** @type {CustomEvent<Told>} */ (event).detail);
    });
  }

  /** Oldest first. */
  get moves() {
    return [...this.#moves.values()];
  }

  close() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const wait of this.#waits.values()) wait.abort();
    this.#timers.clear();
    this.#waits.clear();
    this.#moves.clear();
  }

  /**
   * The server tells of a part. Of this browser's own parts the tab that sends them
   * tells better.
   *
   * @param {{op_key_hash: string, phase: string, done: number, total: number,
   *   by?: string, to?: string|null}} progress
   */
  heard({ op_key_hash: hash, phase, done, total, by = "", to = null }) {
    if (this.#origins.of(hash.slice(0, 8)) !== "elsewhere") return;
    const id = `server ${hash}`;
    const move = { id, who: by, to, done, total, tally: null, plan: null };
    if (phase === "done" || phase === "undone") {
      // One that nobody saw begin was over before it could be shown.
      if (!this.#moves.has(id)) return;
      const nothing = phase === "undone" || done === 0;
      return this.#over({ ...move, state: nothing ? "undone" : "told-done" });
    }
    // Looked at is not written.
    const written = phase === "validating" ? 0 : done;
    this.#put({ ...move, done: written, state: "running" });
    this.#in(id, SILENT, () => this.#over({ ...move, done: written, state: "silent" }));
  }

  /** It was taken up here. @param {string} id */
  drop(id) {
    this.#forgetTimer(id);
    if (this.#moves.delete(id)) this.#changed();
  }

  /** @param {Told} told */
  #told({ op, to, done, total, state, tally }) {
    const id = `tab ${op}`;
    const move = { id, who: "", to, done, total, state, tally, plan: null };
    this.#forgetTimer(id);
    if (state !== "running") {
      this.#waits.get(op)?.abort();
      return this.#over(move);
    }
    this.#put(move);
    void this.#awaitEnd(op, id);
  }

  /** The browser tells when the tab that is at it has let go. @param {string} op
   * @param {string} id */
  async #awaitEnd(op, id) {
    const locks = globalThis.navigator?.locks;
    if (locks === undefined || this.#waits.has(op)) return;
    const wait = new AbortController();
    this.#waits.set(op, wait);
    try {
      await locks.request(lockOf(op), { signal: wait.signal }, () => {});
      if (this.#moves.get(id)?.state !== "running") return;
      this.#in(id, RELOAD, () => void this.#gone(op, id));
    } catch {
      // It has told its end itself, or nobody looks any more.
    } finally {
      this.#waits.delete(op);
    }
  }

  /** @param {string} op @param {string} id */
  async #gone(op, id) {
    const move = this.#moves.get(id);
    if (move?.state !== "running" || !(await isFree(op))) return;
    const plan = this.#plans.all().find((each) => each.op === op) ?? null;
    if (plan === null) return this.#over({ ...move, state: "silent" });
    this.#put({ ...move, state: "left", plan });
  }

  /** @param {Move} move */
  #over(move) {
    this.#put(move);
    this.#in(move.id, SHOWN, () => this.drop(move.id));
  }

  /** @param {Move} move */
  #put(move) {
    this.#moves.set(move.id, move);
    this.#changed();
  }

  /** @param {string} id @param {number} delay @param {() => void} then */
  #in(id, delay, then) {
    this.#forgetTimer(id);
    this.#timers.set(id, setTimeout(then, delay));
  }

  /** @param {string} id */
  #forgetTimer(id) {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
