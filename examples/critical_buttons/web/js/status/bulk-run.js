// @ts-check
/** Sends a plan part by part; stops where there is no definite answer. */

import { answered, keyOf, PART, partOf, partsOf, settledRows } from "./bulk-plan.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("../elements/sync-button.js").How} How */
/** @typedef {import("../sms/leads.js").Lead} Lead */
/** @typedef {import("./bulk-plan.js").Plan} Plan */
/** @typedef {import("./bulk-plan.js").PlanStore} PlanStore */
/** @typedef {import("./service.js").StatusService} StatusService */

/**
 * How a run ended: after `stopped` and `open` it can go on, else the plan is over.
 *
 * @typedef {object} Ended
 * @property {"done"|"failed-part"|"stopped"|"open"|"refused"|"cancelled"} kind
 *   `failed-part`: one part of an atomic move was not changed; `refused`: the server
 *   did not take a part; `cancelled`: neither the part on its way nor a later one was
 *   or will be changed
 * @property {Plan} plan
 * @property {Outcome|null} outcome of the last part that was sent
 * @property {boolean} late it was to be cancelled, and that did not come first
 */

/** How long the lock of a page that is being left is waited for, ms. */
const LAST_BREATH = 500;

/** Which page does it; another one that is opened meanwhile leaves it alone.
 * @param {string} op */
export function lockOf(op) {
  return `critical-buttons.bulk:${op}`;
}

/** Whether no page is at the plan called *op*. @param {string} op */
export async function isFree(op) {
  const locks = globalThis.navigator?.locks;
  if (locks === undefined) return true;
  try {
    const signal = AbortSignal.timeout(LAST_BREATH);
    await locks.request(lockOf(op), { signal }, () => {});
    return true;
  } catch {
    return false;
  }
}

/** Dispatches `change` when there is more to show of the progress, and `end` (detail:
 * Ended) when it goes on no more. */
export class BulkRun extends EventTarget {
  #plan;
  #service;
  #store;
  #onLeads;
  /** Short hash of the key of the part that is on its way. */
  #hash = "";
  #within = 0;
  #running = false;
  #stop = false;
  /** Cuts off the part on its way, once it is known that it will not be done. */
  #cut = new AbortController();
  /** What became of the wish to cancel it.
   * @type {"none"|"asking"|"unheard"|"cancelled"|"too-late"} */
  cancel = "none";
  /** Whether the plan outlives this page. */
  durable = true;

  /**
   * @param {Plan} plan
   * @param {object} desk
   * @param {StatusService} desk.service
   * @param {PlanStore} desk.store
   * @param {(leads: Lead[]) => void} desk.onLeads what an answer says of the leads
   */
  constructor(plan, { service, store, onLeads }) {
    super();
    this.#plan = plan;
    this.#service = service;
    this.#store = store;
    this.#onLeads = onLeads;
  }

  get plan() {
    return this.#plan;
  }

  get total() {
    return this.#plan.rows.length;
  }

  /** Rows that are written or answered, as far as the server has told. */
  get done() {
    return Math.min(this.total, settledRows(this.#plan) + this.#within);
  }

  /** Whether a part comes after the one that is on its way. */
  get hasMore() {
    return this.#plan.next + 1 < partsOf(this.#plan);
  }

  /** Whether a part is on its way, or the next one is about to leave. */
  get running() {
    return this.#running;
  }

  get stopping() {
    return this.#stop;
  }

  /** Send no further part. */
  stop() {
    this.#stop = true;
    this.dispatchEvent(new Event("change"));
  }

  /** See to it that the part on its way is not done, and send no further one. The run
   * ends by itself, and says what holds. */
  async cancelNow() {
    if (this.cancel === "asking") return;
    const part = this.#plan.next;
    this.#stop = true;
    this.#tellCancel("asking");
    const heard = await this.#service.cancelPart(partOf(this.#plan), keyOf(this.#plan));
    // Answered meanwhile: what is known of that part, its answer has said.
    if (part !== this.#plan.next || !this.#running) return;
    this.#tellCancel(heard);
    if (heard === "cancelled") this.#cut.abort();
  }

  /** @param {"asking"|"unheard"|"cancelled"|"too-late"} what */
  #tellCancel(what) {
    this.cancel = what;
    this.dispatchEvent(new Event("change"));
  }

  /** What the server says of a part on its way.
   * @param {{op_key_hash: string, phase: string, done: number}} progress */
  note({ op_key_hash: hash, phase, done }) {
    // Looked at is not written; and what is done, the answer says better.
    if (phase !== "writing" && phase !== "committing") return;
    if (this.#hash === "" || !hash.startsWith(this.#hash)) return;
    // It may go back: a transaction that is tried again begins anew.
    this.#within = Math.min(done, PART);
    this.dispatchEvent(new Event("change"));
  }

  /** Send what is left. Never rejects. @param {How} how @returns {Promise<Ended>} */
  go(how) {
    this.#running = true;
    this.#stop = false;
    this.cancel = "none";
    this.#cut = new AbortController();
    const work = this.#parts(how).then((ended) => {
      this.#running = false;
      this.dispatchEvent(new CustomEvent("end", { detail: ended }));
      return ended;
    });
    // Shared and not waited for: the lock only tells others that somebody is at it.
    globalThis.navigator?.locks
      ?.request(lockOf(this.#plan.op), { mode: "shared" }, () => work)
      .catch(() => {});
    return work;
  }

  /** It is not to be gone on with. */
  drop() {
    this.#store.drop(this.#plan);
  }

  /** @param {How} how @returns {Promise<Ended>} */
  async #parts(how) {
    while (this.#plan.next < partsOf(this.#plan)) {
      if (this.#stop) return this.#leave("stopped", null);
      this.#within = 0;
      // Before it leaves: a page that dies now knows of it when it comes back.
      this.#keep({ ...this.#plan, at: Date.now() });
      const outcome = await this.#send(how);
      const { kind, body, replayed, reason } = outcome;
      if (reason === "batch-cancelled" || this.cancel === "cancelled") {
        await this.#service.forget(outcome.intent);
        return this.#over("cancelled", outcome);
      }
      if (kind === "done" && Array.isArray(body?.results)) {
        this.#took(body, replayed);
        continue;
      }
      if (reason === "batch-failed" && Array.isArray(body?.results)) {
        this.#took(body, replayed);
        return this.#over("failed-part", outcome);
      }
      if (kind === "done" || kind === "refused" || kind === "conflict") {
        return this.#over("refused", outcome);
      }
      return outcome.sent ? this.#ended("open", outcome) : this.#leave("open", outcome);
    }
    return this.#over("done", null);
  }

  /** @param {How} how */
  async #send(how) {
    const part = (/** @type {Event} */ event) => {
      this.#hash = /** @type {CustomEvent<string|null>} */ (event).detail ?? "";
    };
    this.#service.addEventListener("part", part, { once: true });
    const signal = AbortSignal.any([how.signal, this.#cut.signal]);
    const outcome = await this.#service.movePart(partOf(this.#plan), keyOf(this.#plan), {
      ...how,
      signal,
    });
    this.#service.removeEventListener("part", part);
    this.#hash = "";
    return outcome;
  }

  /** @param {any} answer @param {boolean} replayed */
  #took(answer, replayed) {
    this.#within = 0;
    this.#onLeads(
      answer.results.map((/** @type {any} */ each) => each.lead).filter(Boolean),
    );
    this.#keep(answered(this.#plan, answer, replayed));
  }

  /** @param {Plan} plan */
  #keep(plan) {
    this.#plan = plan;
    this.durable = this.#store.keep(plan);
    this.dispatchEvent(new Event("change"));
  }

  /** Nobody waits for an answer: a page that is loaded anew must not go on unasked.
   * @param {Ended["kind"]} kind @param {Outcome|null} outcome @returns {Ended} */
  #leave(kind, outcome) {
    this.#keep({ ...this.#plan, at: 0 });
    return this.#ended(kind, outcome);
  }

  /** @param {Ended["kind"]} kind @param {Outcome|null} outcome @returns {Ended} */
  #over(kind, outcome) {
    this.drop();
    return this.#ended(kind, outcome);
  }

  /** @param {Ended["kind"]} kind @param {Outcome|null} outcome @returns {Ended} */
  #ended(kind, outcome) {
    return { kind, plan: this.#plan, outcome, late: this.cancel !== "none" };
  }
}
