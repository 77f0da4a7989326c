// @ts-check
/** One line for each move that is under way elsewhere: how far, and how it ended. */

import { el, setText } from "../dom.js";
import { icon } from "../icons.js";
import { MOVES } from "../strings.js";
import { settledRows } from "./bulk-plan.js";

/** @typedef {import("./bulk-plan.js").Plan} Plan */
/** @typedef {import("./bulk-watch.js").BulkWatch} BulkWatch */
/** @typedef {import("./bulk-watch.js").Move} Move */

/** @typedef {{element: HTMLElement, show: (move: Move) => void}} Line */

/** Not a live region: what others do is not said aloud by itself. */
export class BulkStrip {
  #watch;
  #onGoOn;
  /** @type {Map<string, Line>} */
  #lines = new Map();
  #list = el("ul", {});
  element = el("section", { class: "moves", "aria-label": MOVES.region }, this.#list);

  /** @param {BulkWatch} watch @param {(plan: Plan) => boolean} onGoOn false: not now */
  constructor(watch, onGoOn) {
    this.#watch = watch;
    this.#onGoOn = onGoOn;
    watch.addEventListener("change", () => this.#paint());
    this.#paint();
  }

  #paint() {
    const { moves } = this.#watch;
    for (const [id, { element }] of this.#lines) {
      if (moves.some((move) => move.id === id)) continue;
      const focused = element.contains(document.activeElement);
      element.remove();
      this.#lines.delete(id);
      if (focused) document.getElementById("leads")?.focus({ preventScroll: true });
    }
    for (const move of moves) this.#lineOf(move).show(move);
    this.element.hidden = moves.length === 0;
  }

  /** @param {Move} move @returns {Line} */
  #lineOf({ id }) {
    const known = this.#lines.get(id);
    if (known) return known;
    const line = this.#newLine(id);
    this.#lines.set(id, line);
    this.#list.append(line.element);
    return line;
  }

  /** @param {string} id @returns {Line} */
  #newLine(id) {
    /** @type {Plan|null} */
    let plan = null;
    const mark = el("span", { class: "moves-icon" });
    const text = el("p", { id: `move-${id.replaceAll(/[^\w-]/g, "-")}` });
    const bar = el("progress", { "aria-labelledby": text.id });
    const goOn = el("button", { type: "button", class: "small" }, MOVES.goOn);
    goOn.addEventListener("click", () => {
      if (plan !== null && this.#onGoOn(plan)) this.#watch.drop(id);
    });
    const element = el("li", {}, mark, text, goOn, bar);
    const show = (/** @type {Move} */ move) => {
      plan = move.plan;
      element.dataset.state = move.state;
      const running = move.state === "running";
      mark.replaceChildren(icon(ICONS[move.state] ?? "again"));
      setText(text, textOf(move));
      bar.hidden = !running;
      bar.max = move.total;
      bar.value = move.done;
      bar.setAttribute("aria-valuetext", MOVES.value(move.done, move.total));
      goOn.hidden = move.state !== "left";
    };
    return { element, show };
  }
}

/** @type {Readonly<Record<string, string>>} */
const ICONS = Object.freeze({
  running: "again",
  done: "check",
  "told-done": "check",
  "failed-part": "cross",
  refused: "cross",
  cancelled: "cross",
  undone: "cross",
  stopped: "question",
  open: "question",
  silent: "question",
  left: "question",
});

/** @param {Move} move */
function textOf({ who, to, done, total, state, tally, plan }) {
  const subject = who === "" ? MOVES.tab : who;
  switch (state) {
    case "running":
      return MOVES.running(subject, done, total, to);
    case "done":
      return tally === null ? "" : MOVES.done(subject, tally);
    case "failed-part":
      return MOVES.failed(subject, (tally?.changed ?? 0) + (tally?.unchanged ?? 0), total);
    case "told-done":
      return MOVES.toldDone(subject, done, total);
    case "cancelled":
      return MOVES.cancelled(subject, done, total);
    case "undone":
      return MOVES.undone(subject, total);
    case "silent":
      return MOVES.silent(subject, total);
    case "left":
      return MOVES.left(plan === null ? done : settledRows(plan), total);
    default:
      return MOVES.ended(subject, done, total);
  }
}
