// @ts-check
/**
 * Events of the server in every tab, over one connection for the whole browser.
 *
 * One tab holds the connection and passes each event on; when it goes, another
 * takes over at the position it has itself seen. HTTP/1.1 allows six
 * connections to a host: with one stream per tab the seventh tab would hang.
 *
 * @module
 */

import { EventStream } from "./event-stream.js";
import { TabGroup } from "./tab-group.js";

/** @typedef {import("./event-stream.js").StreamState} StreamState */

/**
 * @typedef {object} LiveState
 * @property {StreamState["state"]} state
 * @property {"own"|"other-tab"} via which tab holds the connection
 * @property {number} attempt
 * @property {number} until ms since 1970 of the next try, 0 if none is planned
 * @property {number|null} status what the server said instead of a stream
 */

/**
 * An event as the server sent it (its envelope), and one thing more.
 *
 * @typedef {object} LiveEvent
 * @property {string} id unique; an event that comes twice is given once
 * @property {string} type
 * @property {string} channel
 * @property {any} data
 * @property {boolean} missed it happened while the connection was down
 */

/**
 * @typedef {object} LiveOptions
 * @property {string} url
 * @property {Record<string, string>} [headers]
 * @property {string} [name] tabs with the same name share a connection; the URL
 *   unless said otherwise. Include whatever else decides what may be seen
 * @property {number} [remember] how many event ids are remembered, 500
 * @property {number} [beat] see TabGroup
 * @property {number} [silent] see TabGroup
 * @property {Partial<import("./event-stream.js").StreamOptions>} [stream]
 */

/** What comes within this of a reconnect, or of another missed event, was missed.
 * The wire does not say which events are old; one that is new and called missed
 * does no harm. */
const CATCHING_UP = 1000;

/**
 * Dispatches `event` (detail: LiveEvent), `gap` (detail: {reason}: events are lost,
 * or may be; fetch the current state) and `state` (detail: LiveState).
 */
export class LiveEvents extends EventTarget {
  #options;
  #cursor = "";
  #seen;
  #stream;
  #group;
  /** @type {Promise<void>} */
  #ready = Promise.resolve();
  #positioned = false;
  #wasDown = false;
  /** Where a leader stood when first heard, until that was compared. */
  #leaderAt = /** @type {string|null} */ (null);
  #leaderIsNew = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #catchingUp;
  /** @type {LiveState} */
  #state = { state: "connecting", via: "own", attempt: 0, until: 0, status: null };
  #pageEvents = new AbortController();

  /** @param {LiveOptions} options */
  constructor(options) {
    super();
    this.#options = { remember: 500, headers: {}, ...options };
    this.#seen = new Recent(this.#options.remember);
    this.#stream = new EventStream({
      ...options.stream,
      url: options.url,
      headers: this.#options.headers,
      onState: (state) => this.#streamState(state),
      onMessage: (message) => this.#message(message),
      onPosition: (cursor) => {
        this.#cursor = cursor;
      },
      onLost: (reason) => this.#gap({ reason }),
    });
    this.#group = TabGroup.supported ? this.#tabs() : null;
  }

  /** @returns {LiveState} */
  get state() {
    return this.#state;
  }

  /** Position after the last event given out. */
  get cursor() {
    return this.#cursor;
  }

  /**
   * Begin to listen.
   *
   * Call it before fetching the state, with the promise of the position that
   * comes with it (the X-Realtime-Cursor header). Listening to the other tabs
   * begins at once and the stream waits for the position: an event committed
   * after the fetch was answered is heard either way. Without a position a `gap`
   * tells the page to fetch once the connection stands.
   *
   * @param {string|null|Promise<string|null>} [position]
   */
  start(position = null) {
    this.#ready = Promise.resolve(position).then(
      (cursor) => this.#position(cursor ?? ""),
      () => this.#position(""),
    );
    this.#listenToPage();
    if (this.#group) this.#group.join();
    else this.#lead();
  }

  /** Something else has just reached the server: if there is a wait, end it. */
  nudge() {
    if (this.#state.state === "live") return;
    if (this.#leading) this.#stream.nudge();
    else this.#group?.ask("nudge");
  }

  close() {
    this.#pageEvents.abort();
    clearTimeout(this.#catchingUp);
    this.#group?.leave();
    this.#stream.close();
  }

  get #leading() {
    return this.#group === null || this.#group.leading;
  }

  #tabs() {
    const { name = this.#options.url, beat, silent } = this.#options;
    return new TabGroup(`syncpatterns.live:${name}`, {
      onLead: () => void this.#lead(),
      onDeposed: () => this.#stream.close(),
      onHear: (payload, changed) => this.#hear(payload, changed),
      onMissed: () => this.#dispatch("gap", { reason: "not-heard" }),
      onAsk: () => this.#stream.nudge(),
      standing: () => ({ state: this.#state, cursor: this.#cursor }),
      ...(beat === undefined ? {} : { beat }),
      ...(silent === undefined ? {} : { silent }),
    });
  }

  /** @param {string} cursor */
  #position(cursor) {
    this.#positioned = cursor !== "";
    this.#cursor = cursor;
    if (!this.#leading) this.#compare();
  }

  /**
   * A leader begins where it stood itself when it took over. If that is not
   * where this tab stands, something may lie between the two: this tab fetched,
   * an event was committed, the other tab fetched and became the leader, and
   * nobody ever passed that event on.
   */
  #compare() {
    const unknown = this.#leaderAt === null || this.#cursor === "";
    if (unknown) return;
    if (this.#leaderAt !== this.#cursor) this.#dispatch("gap", { reason: "handover" });
    this.#leaderAt = null;
  }

  async #lead() {
    await this.#ready;
    if (this.#leading && !this.#pageEvents.signal.aborted) this.#stream.open(this.#cursor);
  }

  /** @param {StreamState} state */
  #streamState(state) {
    if (state.state === "live") this.#opened();
    else if (state.state !== "connecting" && state.state !== "closed") this.#wasDown = true;
    if (state.state === "closed" && !this.#leading) return;
    this.#setState({ ...state, via: "own" });
    this.#group?.say({ state: this.#state, cursor: this.#cursor });
  }

  #opened() {
    if (this.#wasDown) this.#catchUp();
    this.#wasDown = false;
    if (!this.#positioned) {
      this.#positioned = true;
      this.#gap({ reason: "no-position" });
    }
  }

  /** @param {import("./event-stream.js").Message} message */
  #message(message) {
    this.#cursor = message.id;
    const missed = this.#catchingUp !== undefined;
    if (missed) this.#catchUp();
    const body = parse(message.data);
    if (message.event === "gap") return this.#gap({ reason: "gap", gap: body });
    if (typeof body?.id !== "string") return this.#gap({ reason: "unreadable" });
    const event = { type: message.event, ...body, missed };
    if (!this.#seen.add(event.id)) return;
    this.#group?.say({ event, cursor: this.#cursor });
    this.#dispatch("event", event);
  }

  #catchUp() {
    clearTimeout(this.#catchingUp);
    this.#catchingUp = setTimeout(() => {
      this.#catchingUp = undefined;
    }, CATCHING_UP);
  }

  /** @param {{reason: string, gap?: any}} detail */
  #gap(detail) {
    this.#group?.say({ gap: detail, cursor: this.#cursor });
    this.#dispatch("gap", detail);
  }

  /**
   * @param {{state?: LiveState, event?: LiveEvent, gap?: any, cursor: string}} payload
   * @param {boolean} changed it is another leader than before
   */
  #hear({ state, event, gap, cursor }, changed) {
    if (state) this.#setState({ ...state, via: "other-tab" });
    // Only what was heard moves our position, never what the leader claims.
    if (changed) this.#leaderIsNew = true;
    if (this.#leaderIsNew && cursor !== "" && !event && !gap) {
      this.#leaderIsNew = false;
      this.#leaderAt = cursor;
      this.#compare();
    }
    if (event || gap) this.#cursor = cursor;
    if (gap) this.#dispatch("gap", gap);
    if (event && this.#seen.add(event.id)) this.#dispatch("event", event);
  }

  /** @param {LiveState} state */
  #setState(state) {
    const { state: name, via, attempt, until } = this.#state;
    const same = state.state === name && state.via === via;
    if (same && state.attempt === attempt && state.until === until) return;
    this.#state = state;
    this.#dispatch("state", state);
  }

  /** @param {string} type @param {any} detail */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #listenToPage() {
    this.#pageEvents.abort();
    this.#pageEvents = new AbortController();
    const { signal } = this.#pageEvents;
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.nudge();
    }, { signal });
    // A page in the back-forward cache is frozen and must not keep the lock.
    globalThis.addEventListener("pagehide", () => {
      this.#group?.leave();
      this.#stream.close();
    }, { signal });
    globalThis.addEventListener("pageshow", ({ persisted }) => {
      if (!persisted) return;
      if (this.#group) this.#group.join();
      else void this.#lead();
      this.#dispatch("gap", { reason: "restored" });
    }, { signal });
  }
}

/** The last *size* values. */
class Recent {
  #size;
  /** @type {Set<string>} */
  #values = new Set();

  /** @param {number} size */
  constructor(size) {
    this.#size = size;
  }

  /** Add *value*; false if it was there. @param {string} value */
  add(value) {
    const fresh = !this.#values.delete(value);
    this.#values.add(value);
    if (this.#values.size > this.#size) {
      const [oldest] = this.#values;
      if (oldest !== undefined) this.#values.delete(oldest);
    }
    return fresh;
  }
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
