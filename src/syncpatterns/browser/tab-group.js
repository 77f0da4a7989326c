// @ts-check
/**
 * The tabs of one browser: one leads, the others listen; when it goes, one takes over.
 *
 * The leader holds a Web Lock, which the browser passes on when the tab is
 * closed or crashes. It numbers what it says, so that a listener notices what
 * it did not hear, and beats, so that a leader that hangs can be deposed.
 *
 * @module
 */

/**
 * @typedef {object} TabGroupOptions
 * @property {() => void} onLead this tab leads now
 * @property {() => void} onDeposed this tab led and no longer does
 * @property {(payload: any, fromNewLeader: boolean) => void} onHear the leader spoke
 * @property {() => void} onMissed the leader said something that was not heard here
 * @property {(payload: any) => void} [onAsk] a listener asks the leader for something
 * @property {() => any} standing what a tab must know that joins late
 * @property {number} [beat] ms between signs of life, 2000
 * @property {number} [silent] ms of silence after which the leader is deposed, 10000
 */

/**
 * @typedef {{kind: "hello"}
 *   | {kind: "ask", payload: any}
 *   | {kind: "say"|"beat", leader: string, n: number, payload: any}} Frame
 */

/** This tab's part in the group called *name*. */
export class TabGroup {
  #name;
  #options;
  /** @type {BroadcastChannel|null} */
  #channel = null;
  #pending = new AbortController();
  #release = () => {};
  #id = "";
  #sent = 0;
  #leader = "";
  #heard = 0;
  #heardAt = 0;
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #timer;
  #joined = false;

  /** True while this tab holds the lock. */
  leading = false;

  /** @param {string} name @param {TabGroupOptions} options */
  constructor(name, options) {
    this.#name = name;
    this.#options = { beat: 2000, silent: 10_000, onAsk: () => {}, ...options };
  }

  /** True where the browser has what this needs. */
  static get supported() {
    return "BroadcastChannel" in globalThis && globalThis.navigator?.locks !== undefined;
  }

  join() {
    if (this.#joined) return;
    this.#joined = true;
    this.#id = `${performance.timeOrigin}.${Math.random()}`;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    this.#heardAt = performance.now();
    this.#timer = setInterval(() => this.#tick(), this.#options.beat);
    this.#queue({});
    this.#post({ kind: "hello" });
  }

  leave() {
    if (!this.#joined) return;
    this.#joined = false;
    this.leading = false;
    clearInterval(this.#timer);
    this.#pending.abort();
    this.#release();
    this.#channel?.close();
    this.#channel = null;
    this.#leader = "";
  }

  /** Tell all listeners. Only the leader may. @param {any} payload */
  say(payload) {
    if (!this.leading) return;
    this.#sent += 1;
    this.#post({ kind: "say", leader: this.#id, n: this.#sent, payload });
  }

  /** Ask the leader for something. @param {any} payload */
  ask(payload) {
    this.#post({ kind: "ask", payload });
  }

  /** @param {LockOptions} how */
  #queue(how) {
    this.#pending = new AbortController();
    const options = how.steal ? how : { ...how, signal: this.#pending.signal };
    navigator.locks
      .request(this.#name, options, () => this.#lead())
      .catch(() => this.#lost());
  }

  /** @returns {Promise<void>} kept open as long as this tab leads */
  #lead() {
    return new Promise((resolve) => {
      if (!this.#joined) return resolve();
      this.#release = resolve;
      this.leading = true;
      this.#options.onLead();
      this.#beat();
    });
  }

  /** The request was given up, or somebody took the lock away. */
  #lost() {
    if (!this.leading || !this.#joined) return;
    this.leading = false;
    this.#heardAt = performance.now();
    this.#options.onDeposed();
    this.#queue({});
  }

  #tick() {
    if (this.leading) this.#beat();
    else if (this.#isSilent()) this.#depose();
  }

  /** Hidden tabs have slow timers and would depose leaders that are well. */
  #isSilent() {
    const quiet = performance.now() - this.#heardAt > this.#options.silent;
    return quiet && document.visibilityState === "visible";
  }

  #depose() {
    this.#heardAt = performance.now();
    this.#pending.abort();
    this.#queue({ steal: true });
  }

  #beat() {
    const payload = this.#options.standing();
    this.#post({ kind: "beat", leader: this.#id, n: this.#sent, payload });
  }

  /** @param {Frame} frame */
  #post(frame) {
    this.#channel?.postMessage(frame);
  }

  /** @param {Frame} frame */
  #receive(frame) {
    if (frame.kind === "hello") {
      if (this.leading) this.#beat();
    } else if (frame.kind === "ask") {
      if (this.leading) this.#options.onAsk(frame.payload);
    } else if (!this.leading) {
      this.#hear(frame);
    }
  }

  /** @param {Extract<Frame, {n: number}>} frame */
  #hear(frame) {
    this.#heardAt = performance.now();
    const changed = frame.leader !== this.#leader;
    const expected = frame.kind === "say" ? this.#heard + 1 : this.#heard;
    const missed = !changed && frame.n !== expected;
    this.#leader = frame.leader;
    this.#heard = frame.n;
    this.#options.onHear(frame.payload, changed);
    if (missed) this.#options.onMissed();
  }
}
