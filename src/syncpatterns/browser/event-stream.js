// @ts-check
/**
 * One server-sent-events connection that stays up: reads, resumes, waits, tells.
 *
 * `EventSource` cannot see comment heartbeats (a connection that died without a
 * word would look alive for ever), answers' statuses or Retry-After, and sends
 * no headers; so the stream is read with `fetch`.
 *
 * @module
 */

import { backoff, retryAfter } from "./outcome.js";

/**
 * @typedef {object} Message
 * @property {string} event event name, "message" if the server gave none
 * @property {string} data
 * @property {string} id the last id the stream has named, "" before the first
 */

/**
 * - `connecting`   first try
 * - `live`         connected
 * - `reconnecting` lost a moment ago; `attempt` and `until` say when it is tried
 * - `unreachable`  several tries failed; goes on trying
 * - `refused`      the server answers, but with an error (`status`); goes on trying
 * - `offline`      the browser says there is no network
 * - `closed`       closed by us, or the server said 204
 *
 * @typedef {object} StreamState
 * @property {"connecting"|"live"|"reconnecting"|"unreachable"|"refused"|"offline"|"closed"} state
 * @property {number} attempt
 * @property {number} until ms since 1970 of the next try, 0 if one is running
 * @property {number|null} status
 */

/**
 * @typedef {object} StreamOptions
 * @property {string} url
 * @property {Record<string, string>} [headers]
 * @property {(state: StreamState) => void} onState
 * @property {(message: Message) => void} onMessage
 * @property {(id: string) => void} onPosition the server moved the position only
 * @property {(reason: string) => void} onLost the position could not be kept
 * @property {number} [base] first wait in ms, doubling, 500
 * @property {number} [cap] longest wait in ms, 5000
 * @property {number} [silence] ms without a byte, heartbeats included, that
 *   count as a dead connection, 45000
 * @property {() => boolean} [isOffline]
 * @property {typeof globalThis.fetch} [fetch]
 * @property {() => number} [random]
 * @property {() => number} [now]
 */

/** Losing a connection is no news; failing twice after that is. */
const PATIENCE = 2;
/** A server that says no is asked this much more slowly than one that is down. */
const REFUSED = 6;

/** One connection, made again whenever it ends. */
export class EventStream {
  #options;
  #cursor = "";
  /** The run that is on, null when closed: a run that was closed while it waited
   * must not come back to life with the next one.
   * @type {symbol|null} */
  #run = null;
  #failures = 0;
  #attempt = new AbortController();
  #wake = () => {};
  #online = () => this.nudge();
  #offline = () => this.#attempt.abort();

  /** @param {StreamOptions} options */
  constructor(options) {
    this.#options = {
      headers: {},
      base: 500,
      cap: 5000,
      silence: 45_000,
      isOffline: () => globalThis.navigator?.onLine === false,
      fetch: globalThis.fetch.bind(globalThis),
      random: Math.random,
      now: Date.now,
      ...options,
    };
  }

  /** Position after the last message, "" before any is known. */
  get cursor() {
    return this.#cursor;
  }

  /**
   * Connect, and stay connected until `close`.
   *
   * @param {string} cursor where to go on; "" begins with what comes next
   */
  open(cursor) {
    if (this.#run !== null) return;
    this.#run = Symbol("run");
    this.#cursor = cursor;
    this.#failures = 0;
    globalThis.addEventListener?.("online", this.#online);
    globalThis.addEventListener?.("offline", this.#offline);
    void this.#stayConnected(this.#run);
  }

  /** Try now: something else has just reached the server. */
  nudge() {
    this.#wake();
  }

  close() {
    if (this.#run === null) return;
    this.#run = null;
    globalThis.removeEventListener?.("online", this.#online);
    globalThis.removeEventListener?.("offline", this.#offline);
    this.#attempt.abort();
    this.#wake();
    this.#tell("closed");
  }

  /** @param {symbol} run */
  async #stayConnected(run) {
    this.#tell(this.#options.isOffline() ? "offline" : "connecting");
    while (this.#run === run) {
      const { opened, status, asked } = await this.#connect(run);
      if (this.#run !== run) return;
      if (status === 204) return this.close();
      this.#failures = opened ? 1 : this.#failures + 1;
      const wait = this.#wait(asked, status);
      this.#tell(this.#failing(status), this.#options.now() + wait, status);
      await this.#pause(wait);
      if (this.#run !== run) return;
      if (!this.#options.isOffline()) this.#tell(this.#failing(status), 0, status);
    }
  }

  /**
   * @param {symbol} run
   * @returns {Promise<{opened: boolean, status: number|null, asked: number}>}
   */
  async #connect(run) {
    const attempt = new AbortController();
    this.#attempt = attempt;
    const { url, fetch, headers, now } = this.#options;
    const watchdog = new Watchdog(this.#options.silence, attempt);
    let opened = false;
    let status = null;
    try {
      const response = await fetch(url, {
        headers: this.#headers(headers),
        cache: "no-store",
        signal: attempt.signal,
      });
      if (this.#run !== run) return { opened, status, asked: 0 };
      status = response.status;
      const type = response.headers.get("Content-Type") ?? "";
      if (status !== 200 || !/^text\/event-stream\b/i.test(type) || !response.body) {
        attempt.abort();
        this.#refused(status);
        const asked = retryAfter(response.headers.get("Retry-After"), now());
        return { opened, status, asked };
      }
      opened = true;
      this.#failures = 0;
      this.#tell("live");
      await this.#read(response.body, watchdog, run);
    } catch {
      // Cut, refused, timed out or aborted: `opened` and `status` say how far it got.
    } finally {
      watchdog.stop();
    }
    return { opened, status: opened ? null : status, asked: 0 };
  }

  /**
   * @param {ReadableStream<Uint8Array>} body
   * @param {Watchdog} watchdog
   * @param {symbol} run
   */
  async #read(body, watchdog, run) {
    const parser = new EventParser(this.#cursor);
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#run !== run) return;
      watchdog.feed();
      for (const message of parser.push(decoder.decode(value, { stream: true }))) {
        this.#cursor = message.id;
        const { event, data, id } = message;
        if (data === null) this.#options.onPosition(id);
        else this.#options.onMessage({ event, data, id });
        if (this.#run !== run) return;
      }
      if (parser.retry !== null) this.#options.base = parser.retry;
    }
  }

  /** @param {Record<string, string>} extra */
  #headers(extra) {
    const headers = new Headers({ Accept: "text/event-stream", ...extra });
    if (this.#cursor !== "") headers.set("Last-Event-ID", this.#cursor);
    return headers;
  }

  /** @param {number} status */
  #refused(status) {
    // A position the server does not accept would be refused for ever.
    if (status !== 400 || this.#cursor === "") return;
    this.#cursor = "";
    this.#options.onLost("cursor-refused");
  }

  /** @param {number|null} status @returns {StreamState["state"]} */
  #failing(status) {
    if (this.#options.isOffline()) return "offline";
    if (status !== null) return "refused";
    return this.#failures > PATIENCE ? "unreachable" : "reconnecting";
  }

  /** @param {number} asked @param {number|null} status */
  #wait(asked, status) {
    const { base, cap, random, isOffline } = this.#options;
    // The browser may be wrong about being offline, so it is tried all the
    // same, but seldom: "online" wakes us at once.
    if (isOffline()) return 30_000;
    const longest = Math.max(base, cap) * (status === null ? 1 : REFUSED);
    return asked + 50 + backoff(this.#failures, { base, cap: longest, random });
  }

  /** @param {number} ms @returns {Promise<void>} */
  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** @param {StreamState["state"]} state @param {number} [until] @param {number|null} [status] */
  #tell(state, until = 0, status = null) {
    this.#options.onState({ state, attempt: this.#failures, until, status });
  }
}

/** Aborts a connection that says nothing, not even a heartbeat. */
class Watchdog {
  #timer;
  #silence;
  #controller;

  /** @param {number} silence @param {AbortController} controller */
  constructor(silence, controller) {
    this.#silence = silence;
    this.#controller = controller;
    this.#timer = this.#arm();
  }

  feed() {
    clearTimeout(this.#timer);
    this.#timer = this.#arm();
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #arm() {
    return setTimeout(() => this.#controller.abort(), this.#silence);
  }
}

/** The text of a stream as messages; keeps what is incomplete. */
export class EventParser {
  #rest = "";
  #event = "";
  /** @type {string[]} */
  #data = [];
  #id;

  /** Reconnection time in ms that the server asked for, or null. */
  retry = /** @type {number|null} */ (null);

  /** @param {string} [id] the id named before this connection */
  constructor(id = "") {
    this.#id = id;
  }

  /**
   * @param {string} text the next piece, cut anywhere
   * @returns {Generator<{event: string, data: string|null, id: string}>} data is
   *   null for a block that only moves the position
   */
  *push(text) {
    this.#rest += text;
    for (;;) {
      const end = /\r\n|\n|\r(?=[^])/.exec(this.#rest);
      if (end === null) return;
      const line = this.#rest.slice(0, end.index);
      this.#rest = this.#rest.slice(end.index + end[0].length);
      if (line !== "") this.#field(line);
      else yield* this.#dispatch();
    }
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
  }

  *#dispatch() {
    const data = this.#data.length > 0 ? this.#data.join("\n") : null;
    const event = this.#event || "message";
    this.#data = [];
    this.#event = "";
    yield { event, data, id: this.#id };
  }
}
