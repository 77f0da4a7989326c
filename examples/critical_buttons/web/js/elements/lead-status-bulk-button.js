// @ts-check
/**
 * `<lead-status-bulk-button>`: moves many leads at once, always asks before, and
 * says of every one of them what became of it.
 *
 * @module
 */

import { el, setText } from "../dom.js";
import { BULK, BULK_ENDS, BUTTON } from "../strings.js";
import { planOf, settledRows } from "../status/bulk-plan.js";
import { confirmingView, interruptedView, viewOf } from "./bulk-view.js";
import { statusName } from "./status-view.js";
import { SyncButton } from "./sync-button.js";

/** @typedef {import("../sms/leads.js").Lead} Lead */
/** @typedef {import("../status/bulk-plan.js").Plan} Plan */
/** @typedef {import("../status/bulk-run.js").BulkRun} BulkRun */
/** @typedef {import("../status/bulk-run.js").Ended} Ended */
/** @typedef {import("./outcome-view.js").Action} Action */
/** @typedef {import("./outcome-view.js").View} View */
/** @typedef {import("./sync-button.js").Announce} Announce */

/**
 * What is chosen now; `fault` says why it cannot be sent.
 *
 * @typedef {object} Draft
 * @property {Lead[]} leads
 * @property {string} to
 * @property {string} reason
 * @property {"atomic"|"partial"} mode
 * @property {string} fault
 */

/**
 * What the button needs from the page.
 *
 * @typedef {object} Desk
 * @property {() => Draft} draft
 * @property {() => void} onFault
 * @property {(plan: Plan) => BulkRun} run
 * @property {(id: string) => string} nameOf
 * @property {(ids: string[]) => void} onSelect only these are to be selected
 * @property {(ended: Ended) => void} onEnd
 * @property {() => void} onGone the focus was here, and nothing is left to press
 * @property {Announce} announce
 */

/** Dispatches `change` whenever `run` or what it shows may have changed. */
export class LeadStatusBulkButton extends SyncButton {
  /** @type {Desk|null} */
  #desk = null;
  /** Asked about, not begun. @type {Plan|null} */
  #asked = null;
  /** On its way, or to be gone on with. @type {BulkRun|null} */
  #run = null;
  #ready = false;
  #what = el("span");
  #bar = el("progress", { "aria-label": BULK.progressName });

  /** @param {Desk} desk */
  use(desk) {
    this.#desk = desk;
    this.#bar.hidden = true;
    this.useAnnounce(desk.announce);
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    // Beside the button, not in it: what a button contains is only words to
    // assistive technology.
    this.append(this.#bar);
  }

  /** What is on its way or can be gone on with. */
  get run() {
    return this.#run;
  }

  /** Whether something is shown that must not vanish with the selection. */
  get engaged() {
    const shown = this.querySelector("button")?.hidden === false;
    return this.flying || (this.view !== null && shown);
  }

  /** @override */
  render() {
    super.render();
    // What it has done is shown for a while, and then there may be nothing left.
    this.dispatchEvent(new Event("change"));
  }

  /** What it would move, and where to; not *ready* if that is nothing.
   * @param {string} words @param {boolean} ready */
  named(words, ready) {
    this.#ready = ready;
    setText(this.#what, words);
    this.render();
  }

  /** The selection or the target is another one: what was said of the last is void. */
  draftChanged() {
    if (this.flying || this.#run !== null || this.view === null) return;
    this.#asked = null;
    this.show(null);
    this.changed();
  }

  /** A plan of an earlier page; *ask* goes on with it at once.
   * @param {Plan} plan @param {boolean} ask */
  pickUp(plan, ask) {
    if (!this.#desk || this.flying) return;
    this.#take(plan);
    if (ask) {
      this.say("status", BULK_ENDS.asking);
      this.#fly();
    } else {
      this.show(interruptedView(plan));
      this.changed();
    }
  }

  /** What is on its way is not to be done, as far as it is not done yet. */
  cancelRun() {
    const run = this.flying ? this.#run : null;
    if (run === null || run.cancel === "asking" || run.cancel === "cancelled") return;
    this.say("status", BULK.cancelSaid);
    void run.cancelNow();
  }

  /** @protected @override */
  verb() {
    return [BULK.verb, this.#what];
  }

  /** @protected @override */
  rest() {
    return { state: "idle", label: "", tone: /** @type {const} */ ("plain"), icon: "", ready: this.#ready };
  }

  /** @protected @override */
  sendingSaid() {
    const plan = this.#run?.plan;
    return plan ? BULK_ENDS.sending(plan.rows.length, statusName(plan.to)) : "";
  }

  /** @protected @override */
  busyText() {
    const run = this.#run;
    return run ? BULK.updating(run.done, run.total) : BUTTON.sending;
  }

  /** @protected @override */
  changed() {
    this.#paintBar();
    this.dispatchEvent(new Event("change"));
  }

  /** @protected @override */
  send() {
    const desk = this.#desk;
    if (!desk) return;
    // What is shown says that this very move is not settled.
    if (this.#run && this.view) return this.#fly();
    const { leads, fault, ...wish } = desk.draft();
    if (fault !== "") {
      this.say("alert", fault);
      return desk.onFault();
    }
    this.#run = null;
    this.#asked = planOf(leads, wish);
    this.show(confirmingView(this.#asked));
    this.changed();
    this.focusCard();
  }

  /** @param {Plan} plan */
  #take(plan) {
    const run = this.#desk?.run(plan) ?? null;
    run?.addEventListener("change", () => {
      this.busyTextChanged();
      this.changed();
    });
    this.#run = run;
  }

  #fly() {
    const run = this.#run;
    if (!run) return;
    void this.fly(
      (how) => run.go(how),
      (ended) => this.#ended(ended),
    );
  }

  /** @param {Ended} ended @returns {View|null} */
  #ended(ended) {
    const isOver = ended.kind !== "open" && ended.kind !== "stopped";
    if (isOver) {
      this.#run = null;
      this.#asked = ended.plan;
    }
    this.#desk?.onEnd(ended);
    return viewOf(ended, (id) => this.#desk?.nameOf(id) ?? id);
  }

  /** @protected @override @param {Action} action */
  act(action) {
    const plan = this.#asked;
    switch (action) {
      case "move":
        if (!plan) return;
        this.#take(plan);
        this.focus();
        return this.#fly();
      case "keep":
        return this.#putAway();
      case "go-on":
        this.focus();
        return this.#fly();
      case "leave":
        this.#run?.drop();
        this.#run = null;
        return this.#putAway();
      case "without-them":
        return this.#withoutThem();
      case "select-them":
        if (plan) this.#desk?.onSelect(plan.refused.map(({ lead_id: id }) => id));
        return this.#putAway();
      default:
    }
  }

  /** What was not applied because of others, without those: another move, and
   * asked about like any. */
  #withoutThem() {
    const plan = this.#asked;
    if (!plan) return;
    const guilty = new Set(plan.refused.map(({ lead_id: id }) => id));
    const from = settledRows(plan, plan.next - 1);
    const leads = plan.rows
      .slice(from)
      .filter(([id]) => !guilty.has(id))
      .map(([id, version]) => ({ id, version }));
    this.#asked = planOf(leads, plan);
    this.show(confirmingView(this.#asked));
    this.changed();
    this.focusCard();
  }

  #putAway() {
    this.#asked = null;
    this.show(null);
    if (this.#ready) this.focus();
    else this.#desk?.onGone();
    this.changed();
  }

  #paintBar() {
    const run = this.busy ? this.#run : null;
    this.#bar.hidden = run === null;
    if (run === null) return;
    this.#bar.max = run.total;
    this.#bar.value = run.done;
    this.#bar.setAttribute("aria-valuetext", BULK.progress(run.done, run.total));
  }
}

customElements.define("lead-status-bulk-button", LeadStatusBulkButton);
