// @ts-check
/**
 * What the tabs of one browser tell each other about the moves they are at.
 *
 * The server tells how far a part is; only the tab that sends the parts knows how
 * many there are, and how the whole ended.
 *
 * @module
 */

import { settledRows } from "./bulk-plan.js";

/** @typedef {import("./bulk-run.js").BulkRun} BulkRun */
/** @typedef {import("./bulk-run.js").Ended} Ended */

/**
 * @typedef {object} Told
 * @property {string} op
 * @property {string} to
 * @property {number} done
 * @property {number} total
 * @property {"running"|Ended["kind"]} state
 * @property {{changed: number, unchanged: number, refused: number}} tally
 */

/** How often at most it is told how far a move is, ms. */
const PACE = 100;

/** Tells of this tab's own moves, and dispatches `told` (detail: Told) for others'. */
export class BulkSignal extends EventTarget {
  /** @type {BroadcastChannel|null} */
  #channel;
  /** What this tab is at. @type {Map<BulkRun, Told>} */
  #own = new Map();
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #closed = false;

  /** @param {string} tenant */
  constructor(tenant) {
    super();
    const name = `critical-buttons.bulk ${tenant}`;
    this.#channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(name) : null;
    if (this.#channel === null) return;
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    // Who is at something already says so to a page that comes later.
    this.#channel.postMessage({ hello: true });
  }

  /** Tell of *run* from now on, whenever it is under way. @param {BulkRun} run */
  follow(run) {
    run.addEventListener("change", () => {
      if (!run.running) return;
      this.#own.set(run, toldOf(run));
      this.#timer ??= setTimeout(() => this.#tellAll(), PACE);
    });
    run.addEventListener("end", (event) => {
      this.#own.delete(run);
      const { kind } = /** @type {CustomEvent<Ended>} */ (event).detail;
      this.#post({ ...toldOf(run), state: kind });
      this.#closeIfIdle();
    });
  }

  /** Nobody listens here any more; what is under way is told to its end. */
  close() {
    this.#closed = true;
    this.#closeIfIdle();
  }

  #closeIfIdle() {
    if (!this.#closed || this.#own.size > 0) return;
    clearTimeout(this.#timer);
    this.#channel?.close();
    this.#channel = null;
  }

  #tellAll() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const told of this.#own.values()) this.#post(told);
  }

  /** @param {Told} told */
  #post(told) {
    this.#channel?.postMessage(told);
  }

  /** @param {Told|{hello: true}} data */
  #hear(data) {
    if ("hello" in data) this.#tellAll();
    else if (!this.#closed) this.dispatchEvent(new CustomEvent("told", { detail: data }));
  }
}

/** @param {BulkRun} run @returns {Told} */
function toldOf({ plan, running, done, total }) {
  const { op, to, changed, unchanged, refused } = plan;
  return {
    op,
    to,
    done: running ? done : settledRows(plan),
    total,
    state: "running",
    tally: { changed, unchanged, refused: refused.length },
  };
}
