// @ts-check
/** What is done with the selected leads: where to, how, and the button. */

import { el, setText } from "../dom.js";
import { verbOf } from "../elements/bulk-view.js";
import { LeadStatusBulkButton } from "../elements/lead-status-bulk-button.js";
import { BULK, LEAD_STATUS } from "../strings.js";
import { TargetFields } from "./target-fields.js";

/** @typedef {import("../elements/lead-status-bulk-button.js").Draft} Draft */
/** @typedef {import("../elements/lead-status-bulk-button.js").Desk} ButtonDesk */
/** @typedef {import("../sms/leads.js").Leads} Leads */
/** @typedef {import("./bulk-run.js").BulkRun} BulkRun */
/** @typedef {import("./pipeline.js").Pipeline} Pipeline */
/** @typedef {import("./selection.js").Selection} Selection */

/** What the button to cancel says, by what became of it. */
const CANCELS = Object.freeze({
  none: BULK.cancel,
  asking: BULK.cancelling,
  unheard: BULK.cancelAgain,
  cancelled: BULK.cancelling,
  "too-late": BULK.cancelling,
});

let bars = 0;

/** Sticks to the bottom of the window while leads are selected or a move is shown. */
export class BulkBar {
  #selection;
  #leads;
  #pipeline;
  /** Ids of all leads that fit the search, on every page. @type {string[]} */
  #fitting = [];
  /** What is chosen, to notice that it changes. */
  #draftNow = "";
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #mode = el(
    "select",
    {},
    el("option", { value: "atomic" }, BULK.modes.atomic),
    el("option", { value: "partial" }, BULK.modes.partial),
  );
  #head = el("div", { class: "bulk-head" });
  #count = el("p", { class: "selected" });
  #all = el("button", { type: "button", class: "small" });
  #clear = el("button", { type: "button", class: "small" }, BULK.clear);
  #able = el("p", { class: "hint" });
  #hint = el("p", { class: "hint" });
  #stop = el("button", { type: "button", class: "small" });
  #cancel = el("button", { type: "button", class: "small" });
  #fields;
  #choices;
  #button = /** @type {LeadStatusBulkButton} */ (
    document.createElement("lead-status-bulk-button")
  );
  #cards = el("div", { class: "bulk-cards" });

  /**
   * @param {object} options
   * @param {Selection} options.selection
   * @param {Leads} options.leads
   * @param {Pipeline} options.pipeline
   * @param {Omit<ButtonDesk, "draft"|"onFault"|"onSelect"|"onGone">} options.desk
   */
  constructor({ selection, leads, pipeline, desk }) {
    this.#selection = selection;
    this.#leads = leads;
    this.#pipeline = pipeline;
    this.#fields = new TargetFields((to) =>
      this.#chosen().some(({ status }) => status !== to && pipeline.needsReason(status, to)),
    );
    this.#button.cardHost = this.#cards;
    this.#button.use({
      ...desk,
      onEnd: (ended) => {
        desk.onEnd(ended);
        // The next move is another one, with a reason of its own.
        if (ended.kind === "done") this.#fields.value = { to: "", reason: "" };
        this.#paint();
      },
      draft: () => this.#draft(),
      onFault: () => void this.#fields.check(),
      onGone: goToList,
      onSelect: (ids) => selection.replace(ids),
    });
    this.#mode.id = `bulk-mode-${(bars += 1)}`;
    const label = el("label", { for: this.#mode.id }, BULK.mode);
    this.#fields.element.insertBefore(
      el("div", { class: "field" }, label, this.#mode),
      this.#fields.element.children[1] ?? null,
    );
    this.#choices = el("div", { class: "bulk-choices" }, this.#fields.element);
    this.#head.append(this.#count, this.#all, this.#clear);
    const act = el("div", { class: "bulk-act" }, this.#button, this.#stop, this.#cancel);
    this.element = el(
      "section",
      { class: "bulk-bar", "aria-label": BULK.region },
      this.#cards,
      this.#head,
      this.#choices,
      this.#able,
      this.#hint,
      act,
    );
    this.#listen();
    this.#paint();
  }

  /** @returns {LeadStatusBulkButton} */
  get button() {
    return this.#button;
  }

  /** What the list holds now. @param {string[]} ids */
  fitting(ids) {
    this.#fitting = ids;
    this.#paint();
  }

  #listen() {
    this.#all.addEventListener("click", () => this.#selection.set(this.#fitting, true));
    this.#clear.addEventListener("click", () => {
      this.#selection.replace([]);
      goToList();
    });
    this.element.addEventListener("focusout", () => queueMicrotask(() => this.#paintState()));
    this.#stop.addEventListener("click", () => this.#button.run?.stop());
    this.#cancel.addEventListener("click", () => this.#button.cancelRun());
    this.#fields.addEventListener("change", () => this.#paint());
    this.#mode.addEventListener("change", () => this.#paint());
    this.#button.addEventListener("change", () => this.#paintState());
    // Five hundred of them change at once.
    this.#leads.addEventListener("change", () => {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#paint();
      }, 0);
    });
    for (const source of [this.#selection, this.#pipeline]) {
      source.addEventListener("change", () => this.#paint());
    }
  }

  #chosen() {
    return this.#selection
      .ids()
      .map((id) => this.#leads.get(id))
      .filter((lead) => lead !== undefined);
  }

  /** @returns {Draft} */
  #draft() {
    const leads = this.#chosen();
    const mode = this.#mode.value === "partial" ? "partial" : "atomic";
    return { leads, mode, ...this.#fields.value, fault: this.#fields.fault };
  }

  #paint() {
    const chosen = this.#chosen();
    const possible = new Set(chosen.flatMap((lead) => this.#pipeline.after(lead)));
    this.#fields.offer(Object.keys(LEAD_STATUS).filter((status) => possible.has(status)));
    const { to } = this.#fields.value;
    setText(this.#count, BULK.selected(chosen.length));
    setText(this.#all, BULK.selectAll(this.#fitting.length));
    this.#all.hidden = this.#fitting.every((id) => this.#selection.has(id));
    const able = chosen.filter((lead) => lead.status === to || this.#pipeline.allows(lead, to));
    const hint = to === "" ? "" : BULK.able(able.length, chosen.length);
    setText(this.#able, hint);
    this.#button.named(verbOf(chosen.length, to), chosen.length > 0);
    const { reason } = this.#fields.value;
    const draft = JSON.stringify([this.#selection.revision, to, reason, this.#mode.value]);
    if (draft !== this.#draftNow) {
      this.#draftNow = draft;
      this.#button.draftChanged();
    }
    this.#paintState();
  }

  #paintState() {
    const run = this.#button.flying ? this.#button.run : null;
    const none = this.#selection.size === 0;
    // Nothing that has the focus is taken away from under it.
    const held = this.#button.engaged || this.element.contains(document.activeElement);
    this.element.hidden = none && !held;
    this.#head.hidden = none;
    // What is under way, or to be gone on with, is about another selection.
    this.#choices.hidden = none || this.#button.run !== null;
    setText(this.#hint, run === null ? "" : hintOf(run));
    this.#hint.hidden = this.#hint.textContent === "";
    this.#able.hidden = this.#choices.hidden || this.#able.textContent === "";
    this.#paintEnds(run);
  }

  /** The two ways to end it. @param {BulkRun|null} run */
  #paintEnds(run) {
    const focused = document.activeElement;
    const cancel = run?.cancel ?? "none";
    setText(this.#stop, run?.stopping ? BULK.stopping : BULK.stop);
    setText(this.#cancel, CANCELS[cancel]);
    this.#cancel.setAttribute("aria-disabled", String(cancel !== "none" && cancel !== "unheard"));
    // As late as the busy state: what is quick would only make them flash.
    const none = run === null || !this.#button.busy;
    this.#stop.hidden = none || !run.hasMore || cancel !== "none";
    this.#cancel.hidden = none;
    // Neither takes the focus away with it.
    if (focused === this.#cancel && none) this.#button.focus();
    if (focused === this.#stop && this.#stop.hidden) (run ? this.#cancel : this.#button).focus();
  }
}

/** @param {BulkRun} run */
function hintOf(run) {
  if (run.cancel === "unheard") return BULK.cancelUnheard;
  return run.durable ? "" : BULK.notDurable;
}

/** Where there is something to select. */
function goToList() {
  document.getElementById("leads")?.focus({ preventScroll: true });
}
