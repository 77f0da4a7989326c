// @ts-check
/**
 * Sends a critical request so that it happens once and the caller is told the truth.
 *
 * The key is minted when the user wishes something (not when a request leaves),
 * stored before anything is sent, used for every try, and dropped only when a
 * definite answer has come. Pressing again, in this tab or another, after a
 * reload or a crash, asks for the same wish under the same key.
 *
 * @module
 */

import { Attempts } from "./attempts.js";
import { IntentStore } from "./intent-store.js";

/** @typedef {import("./intent-store.js").Intent} Intent */
/** @typedef {import("./outcome.js").Verdict} Verdict */

/**
 * @typedef {object} Wish what the user wants done
 * @property {string} url
 * @property {unknown} [body] sent as JSON
 * @property {string} [method] POST unless said otherwise
 * @property {string} [scope] tenant or user; another scope is another wish
 * @property {string} [ifMatch] ETag of what the user was looking at
 * @property {Record<string, string>} [headers] further headers; no part of the wish
 */

/**
 * @typedef {object} Progress told while the answer is awaited
 * @property {"sending"|"waiting"|"paused"} state `paused`: what the service needs is
 *   resting (circuit-open); the wait costs no try and `nudge` ends it
 * @property {number} tries the try that is running, or the one to come
 * @property {number} of
 * @property {string} reason why the last try gave no answer; "" for the first
 * @property {number} delay ms until the next try; 0 while sending
 * @property {number} until ms since 1970, for a countdown; a pause ends within one
 *   `base` after it
 */

/**
 * @typedef {object} Outcome
 * @property {Exclude<Verdict, "retry">|"offline"|"unreachable"|"failed"|"cancelled"} kind
 *   `offline` and `unreachable`: no answer and no connection; `failed`: the server
 *   could not do it, however often asked; `cancelled`: stopped by the signal
 * @property {string} reason problem type, `http-<status>`, `network`, `timeout`, …
 * @property {boolean} definite false: the key is kept, pressing again uses it; a pause
 *   that was cancelled is definite, since the service had said that nothing was done
 * @property {boolean} sent true if a request with this key may have arrived
 * @property {boolean} replayed the server had done it before and says so again
 * @property {number|null} status
 * @property {any} body parsed JSON of the last answer, or null
 * @property {string|null} etag
 * @property {number} tries
 * @property {number} retryAt ms since 1970 before which trying is useless; 0 if any time
 * @property {"answer"|"event"|"none"} by what settled it
 * @property {Intent} intent
 */

/**
 * @typedef {object} Options
 * @property {IntentStore} [store]
 * @property {number} [attempts] tries of one press, 5
 * @property {number} [base] first backoff in ms, 1000
 * @property {number} [cap] longest backoff in ms, 4000
 * @property {number} [timeout] ms for one answer, 15000
 * @property {number} [patience] longest Retry-After to sit through in ms, 60000
 * @property {number} [rest] the same for a service that rests, 900000
 * @property {Readonly<Record<string, Verdict>>} [verdicts] what the service's own
 *   problem types mean; see `judge`
 * @property {string|null} [probe] URL whose answer proves that we are online after
 *   all; browsers claim to be offline when they are not
 * @property {(intent: Intent) => Promise<string|null>|string|null} [nameOf] what events
 *   call this request (see `settle`); null: events never settle it
 * @property {() => boolean} [isOffline]
 * @property {typeof globalThis.fetch} [fetch]
 * @property {() => string} [mint]
 * @property {() => number} [random]
 * @property {() => number} [now]
 */

/**
 * @typedef {object} Flight
 * @property {Promise<Outcome>} outcome
 * @property {(fact: any) => void} settle
 * @property {Promise<any>} settled
 * @property {string|null} name
 * @property {() => void} nudge
 * @property {Set<(progress: Progress) => void>} watchers
 */

/** How long the locks of a page that is being left are waited for, ms. */
const LAST_BREATH = 500;

/** Sends wishes; one object for the page. */
export class IdempotentFetch {
  /** @type {Map<string, Flight>} */
  #flights = new Map();
  #options;

  /** @param {Options} [options] */
  constructor(options = {}) {
    this.#options = {
      attempts: 5,
      base: 1000,
      cap: 4000,
      timeout: 15_000,
      patience: 60_000,
      rest: 900_000,
      verdicts: /** @type {NonNullable<Options["verdicts"]>} */ ({}),
      probe: /** @type {string|null} */ (null),
      nameOf: /** @type {NonNullable<Options["nameOf"]>} */ (() => null),
      isOffline: () => globalThis.navigator?.onLine === false,
      fetch: globalThis.fetch.bind(globalThis),
      mint: mintKey,
      random: Math.random,
      now: Date.now,
      ...options,
      store: options.store ?? new IntentStore(),
    };
  }

  /** Where the keys are kept. */
  get store() {
    return this.#options.store;
  }

  /**
   * Do what *wish* says, once.
   *
   * A wish that is in flight in this tab is joined, not sent again. Never
   * rejects: everything that can go wrong is an outcome.
   *
   * @param {Wish} wish
   * @param {{onProgress?: (progress: Progress) => void, signal?: AbortSignal}} [how]
   * @returns {Promise<Outcome>}
   */
  send(wish, { onProgress, signal } = {}) {
    const fresh = this.#fresh(wish);
    let flight = this.#flights.get(fresh.id);
    if (flight === undefined) {
      flight = this.#depart(fresh, wish.headers ?? {}, signal);
      this.#flights.set(fresh.id, flight);
    }
    if (onProgress) flight.watchers.add(onProgress);
    return flight.outcome;
  }

  /**
   * Ask again for an intent that `pending` listed, with its key and its bytes.
   *
   * @param {Intent} intent
   * @param {{headers?: Record<string, string>, onProgress?: (progress: Progress) => void,
   *   signal?: AbortSignal}} [how]
   * @returns {Promise<Outcome>}
   */
  resume(intent, { headers = {}, onProgress, signal } = {}) {
    let flight = this.#flights.get(intent.id);
    if (flight === undefined) {
      flight = this.#depart(intent, headers, signal);
      this.#flights.set(intent.id, flight);
    }
    if (onProgress) flight.watchers.add(onProgress);
    return flight.outcome;
  }

  /**
   * The wishes of *scope* that have a key, no definite answer, and no living tab
   * that is still asking; oldest first.
   *
   * A page that is being left holds its locks for a moment longer: after a reload
   * this one would take its own last breath for another tab that asks. So a lock
   * that is held is waited for, half a second.
   *
   * @param {string} [scope]
   * @returns {Promise<Intent[]>}
   */
  async pending(scope = "") {
    const intents = await this.store.pending(scope);
    const free = await Promise.all(intents.map((intent) => this.#isFree(intent)));
    const keys = new Set(intents.filter((_, index) => free[index]).map(({ key }) => key));
    // Whoever held a lock may have had the answer meanwhile.
    return (await this.store.pending(scope)).filter(({ key }) => keys.has(key));
  }

  /**
   * Give a key up: the next press is a new wish. Only for a person to decide.
   *
   * @param {Intent} intent
   * @returns {Promise<void>}
   */
  forget(intent) {
    return this.store.forget(intent);
  }

  /**
   * Tell that an event proves the request called *name* was carried out.
   *
   * The event may come before the answer, or instead of it. Whichever comes
   * first settles the request.
   *
   * @param {string} name what `nameOf` gave for the request
   * @param {any} fact becomes the outcome's body
   * @returns {boolean} true if a request in flight was waiting for it
   */
  settle(name, fact) {
    for (const flight of this.#flights.values()) {
      if (flight.name !== null && flight.name === name) {
        flight.settle(fact);
        return true;
      }
    }
    return false;
  }

  /** End every pause now: something has told that the service works again. */
  nudge() {
    for (const flight of this.#flights.values()) flight.nudge();
  }

  /** Whether no tab asks under this key. @param {Intent} intent */
  async #isFree({ id, key }) {
    if (this.#flights.has(id)) return false;
    const locks = globalThis.navigator?.locks;
    const held = (await locks?.query())?.held ?? [];
    if (!held.some(({ name }) => name === flightLock(key))) return true;
    try {
      const signal = AbortSignal.timeout(LAST_BREATH);
      await locks.request(flightLock(key), { signal }, () => {});
      return true;
    } catch {
      return false;
    }
  }

  /** @param {Wish} wish @returns {Intent} */
  #fresh(wish) {
    const method = wish.method ?? "POST";
    const body = wish.body === undefined ? "" : JSON.stringify(wish.body);
    const intent = {
      key: this.#options.mint(),
      scope: wish.scope ?? "",
      method,
      url: wish.url,
      body,
      ifMatch: wish.ifMatch ?? "",
      mintedAt: this.#options.now(),
      firstSentAt: null,
      lastSentAt: null,
    };
    return { id: intentOf(intent), ...intent };
  }

  /**
   * @param {Intent} fresh
   * @param {Record<string, string>} headers
   * @param {AbortSignal|undefined} signal
   * @returns {Flight}
   */
  #depart(fresh, headers, signal) {
    /** @type {(fact: any) => void} */
    let settle = () => {};
    const settled = new Promise((resolve) => {
      settle = resolve;
    });
    /** @type {Flight} */
    const flight = {
      settle,
      settled,
      name: null,
      nudge: () => {},
      watchers: new Set(),
      outcome: /** @type {any} */ (null),
    };
    flight.outcome = this.#fly(fresh, headers, signal, flight).finally(() => {
      this.#flights.delete(fresh.id);
    });
    return flight;
  }

  /**
   * @param {Intent} fresh
   * @param {Record<string, string>} headers
   * @param {AbortSignal|undefined} signal
   * @param {Flight} flight
   * @returns {Promise<Outcome>}
   */
  async #fly(fresh, headers, signal, flight) {
    const intent = await this.store.take(fresh);
    flight.name = await this.#options.nameOf(intent);
    const attempts = new Attempts(intent, headers, signal, flight.watchers, this.#options);
    flight.nudge = () => attempts.nudge();
    const byEvent = flight.settled.then((fact) => attempts.settledBy(fact));
    const outcome = await whileHolding(
      flightLock(intent.key),
      Promise.race([byEvent, attempts.run()]),
    );
    if (outcome.definite) await this.store.forget(outcome.intent);
    return outcome;
  }
}

/**
 * What makes two presses the same wish: scope, method, URL, the state the user
 * saw (If-Match) and the body.
 *
 * @param {Pick<Intent, "scope"|"method"|"url"|"ifMatch"|"body">} wish
 * @returns {string}
 */
export function intentOf({ scope, method, url, ifMatch, body }) {
  return JSON.stringify([scope, method, url, ifMatch, body]);
}

/** @param {string} key */
function flightLock(key) {
  return `syncpatterns.flight:${key}`;
}

/**
 * Hold a lock until *work* is done, so that other tabs see that somebody asks.
 * The browser drops it when the tab dies.
 *
 * @template T
 * @param {string} name
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
function whileHolding(name, work) {
  // Shared, and not waited for: two tabs may ask under one key, and a lock
  // that cannot be had must not keep a request from leaving.
  globalThis.navigator?.locks
    ?.request(name, { mode: "shared" }, () => work)
    .catch(() => {});
  return work;
}

/** 128 random bits; randomUUID exists only on secure origins. */
function mintKey() {
  const { crypto } = globalThis;
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
