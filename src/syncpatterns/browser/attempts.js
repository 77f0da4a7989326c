// @ts-check
/**
 * The tries of one press: send, judge, wait, send again with the same key.
 *
 * @module
 */

import { backoff, judge, retryAfter } from "./outcome.js";

/** @typedef {import("./intent-store.js").Intent} Intent */
/** @typedef {import("./idempotent-fetch.js").Options} Options */
/** @typedef {import("./idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("./idempotent-fetch.js").Progress} Progress */

/**
 * An answer read to its end.
 *
 * @typedef {import("./outcome.js").Reply & {replayed: boolean, etag: string|null}} Reply
 */

/**
 * What one try came to; `outcome` is null if it must be tried again.
 *
 * @typedef {object} Tried
 * @property {Outcome|null} outcome
 * @property {number} retryAfter ms that the server asked for
 * @property {boolean} resting what the server needs is not being asked for now
 * @property {Reply|null} reply null if there was no answer at all
 */

/** One use of a key, from the press until an outcome. */
export class Attempts {
  #intent;
  #headers;
  #signal;
  #watchers;
  #options;
  #tries = 0;
  #reason = "";
  /** An event has told the outcome: stop trying. */
  #settled = new AbortController();
  /** Ends a pause before its time. */
  #awake = new AbortController();

  /**
   * @param {Intent} intent
   * @param {Record<string, string>} headers
   * @param {AbortSignal|undefined} signal
   * @param {Set<(progress: Progress) => void>} watchers
   * @param {Required<Options>} options
   */
  constructor(intent, headers, signal, watchers, options) {
    this.#intent = intent;
    this.#headers = headers;
    this.#signal = signal;
    this.#watchers = watchers;
    this.#options = options;
  }

  /** @returns {Promise<Outcome>} */
  async run() {
    for (;;) {
      this.#tries += 1;
      if (this.#stopped) return this.#outcome("cancelled", "cancelled");
      if (await this.#offline()) return this.#outcome("offline", "offline");
      this.#tell("sending", this.#tries, 0);
      const tried = await this.#try();
      if (tried.outcome !== null) return tried.outcome;
      if (this.#isPause(tried)) {
        this.#tries -= 1;
        await this.#pause(tried.retryAfter);
        if (this.#stopped) return this.#leftInPeace();
        continue;
      }
      const wait = this.#wait(tried.retryAfter);
      const last = this.#tries >= this.#options.attempts;
      if (last || wait > this.#options.patience) return this.#giveUp(tried);
      this.#tell("waiting", this.#tries + 1, wait);
      await pause(wait, this.#stops);
    }
  }

  /**
   * The outcome, told by an event; ends the tries.
   *
   * The request in flight is left alone: cutting it would only cost a connection.
   *
   * @param {any} fact
   * @returns {Outcome}
   */
  settledBy(fact) {
    this.#settled.abort();
    const outcome = this.#outcome("done", "event");
    return { ...outcome, definite: true, sent: true, body: fact, by: "event" };
  }

  /** End a pause now: what was resting is known to work again. */
  nudge() {
    this.#awake.abort();
  }

  /** @param {Tried} tried */
  #isPause({ resting, retryAfter: asked }) {
    return resting && asked > 0 && asked <= this.#options.rest;
  }

  /**
   * Wait for a service that rests. Those who were all told the same second come
   * back within one `base` after it, so that not each of them is the probe.
   *
   * @param {number} asked
   */
  async #pause(asked) {
    const { base, cap, random } = this.#options;
    const wait = asked + backoff(1, { base, cap, random });
    this.#awake = new AbortController();
    this.#tell("paused", this.#tries + 1, wait, asked);
    await pause(wait, [...this.#stops, this.#awake.signal]);
  }

  /** Stopped in a pause: the last answer said that nothing was done.
   * @returns {Outcome} */
  #leftInPeace() {
    return { ...this.#outcome("cancelled", "cancelled"), definite: true };
  }

  get #stopped() {
    return this.#settled.signal.aborted || (this.#signal?.aborted ?? false);
  }

  /** Everything that ends a wait. */
  get #stops() {
    return [this.#settled.signal, ...(this.#signal ? [this.#signal] : [])];
  }

  /** Not one byte of the request may leave before this is answered. */
  async #offline() {
    const { isOffline, probe, fetch, timeout } = this.#options;
    if (!isOffline()) return false;
    if (probe === null) return true;
    try {
      const signal = AbortSignal.timeout(Math.min(3000, timeout));
      return !(await fetch(probe, { cache: "no-store", signal })).ok;
    } catch {
      return true;
    }
  }

  /** @returns {Promise<Tried>} */
  async #try() {
    const firstSentAt = this.#intent.firstSentAt;
    this.#intent = await this.#options.store.leaving(this.#intent);
    const deadline = AbortSignal.timeout(this.#options.timeout);
    const signals = this.#signal ? [deadline, this.#signal] : [deadline];
    /** @type {Reply} */
    let reply;
    try {
      reply = await this.#exchange(AbortSignal.any(signals), firstSentAt);
    } catch {
      this.#reason = deadline.aborted ? "timeout" : "network";
      const cancelled = this.#signal?.aborted ?? false;
      const outcome = cancelled ? this.#outcome("cancelled", "cancelled") : null;
      return { outcome, retryAfter: 0, resting: false, reply: null };
    }
    const { verdict, reason, definite, resting } = judge(reply, this.#options.verdicts);
    this.#reason = reason;
    if (verdict === "retry") {
      const asked = retryAfter(reply.retryAfter, this.#options.now());
      return { outcome: null, retryAfter: asked, resting, reply };
    }
    const outcome = { ...this.#outcome(verdict, reason, reply), definite };
    return { outcome, retryAfter: 0, resting, reply };
  }

  /**
   * @param {AbortSignal} signal
   * @param {number|null} firstSentAt
   * @returns {Promise<Reply>}
   */
  async #exchange(signal, firstSentAt) {
    const intent = this.#intent;
    const headers = new Headers({ Accept: "application/json", ...this.#headers });
    headers.set("Idempotency-Key", intent.key);
    if (intent.body !== "") headers.set("Content-Type", "application/json");
    if (intent.ifMatch !== "") headers.set("If-Match", intent.ifMatch);
    if (firstSentAt !== null) {
      const age = Math.max(0, this.#options.now() - firstSentAt);
      headers.set("Idempotency-Age", String(Math.floor(age / 1000)));
    }
    const response = await this.#options.fetch(intent.url, {
      method: intent.method,
      headers,
      body: intent.body === "" ? null : intent.body,
      cache: "no-store",
      // A redirect turns a POST into a GET, and its answer is not ours.
      redirect: "error",
      signal,
    });
    return readReply(response);
  }

  /**
   * Retry-After is a floor and the jitter goes on top: all who were told the
   * same second would otherwise come back in the same second.
   *
   * @param {number} asked
   */
  #wait(asked) {
    const { base, cap, random } = this.#options;
    return asked + backoff(this.#tries, { base, cap, random });
  }

  /** @param {Tried} tried @returns {Outcome} */
  #giveUp({ retryAfter: asked, reply }) {
    const kind = reply === null ? "unreachable" : "failed";
    const retryAt = asked > 0 ? this.#options.now() + asked : 0;
    return { ...this.#outcome(kind, this.#reason, reply), retryAt };
  }

  /**
   * @param {Progress["state"]} state
   * @param {number} tries
   * @param {number} delay
   * @param {number} [counted] what a countdown shows of it
   */
  #tell(state, tries, delay, counted = delay) {
    if (this.#stopped) return;
    const until = this.#options.now() + counted;
    const of = this.#options.attempts;
    const progress = { state, tries, of, reason: this.#reason, delay, until };
    for (const watcher of this.#watchers) watcher(progress);
  }

  /**
   * @param {Outcome["kind"]} kind
   * @param {string} reason
   * @param {Reply|null} [reply]
   * @returns {Outcome}
   */
  #outcome(kind, reason, reply = null) {
    return {
      kind,
      reason,
      definite: false,
      sent: this.#intent.firstSentAt !== null,
      replayed: reply?.replayed ?? false,
      status: reply?.status ?? null,
      body: reply?.body ?? null,
      etag: reply?.etag ?? null,
      tries: this.#tries,
      retryAt: 0,
      by: reply ? "answer" : "none",
      intent: this.#intent,
    };
  }
}

/** @param {Response} response @returns {Promise<Reply>} */
async function readReply(response) {
  // Read to the end before judging: a connection cut in the body is no answer.
  const text = await response.text();
  const contentType = response.headers.get("Content-Type") ?? "";
  const replayed = response.headers.get("Idempotent-Replayed") ?? "";
  return {
    status: response.status,
    contentType,
    body: /json/i.test(contentType) ? parse(text) : null,
    retryAfter: response.headers.get("Retry-After"),
    replayed: replayed.trim().toLowerCase() === "true",
    etag: response.headers.get("ETag"),
  };
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {number} ms @param {AbortSignal[]} stops @returns {Promise<void>} */
function pause(ms, stops) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    for (const signal of stops) {
      const stop = () => {
        clearTimeout(timer);
        resolve();
      };
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
    }
  });
}
