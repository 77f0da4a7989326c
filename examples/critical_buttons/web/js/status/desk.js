// @ts-check
/** Moving the leads of one tenant: buttons of the rows, bar, history, activity. */

import { el } from "../dom.js";
import { LeadStatusButton } from "../elements/lead-status-button.js";
import { icon } from "../icons.js";
import { BULK, TRAIL } from "../strings.js";
import { BulkBar } from "./bulk-bar.js";
import { PlanStore } from "./bulk-plan.js";
import { BulkRun, isFree } from "./bulk-run.js";
import { BulkSignal } from "./bulk-signal.js";
import { BulkStrip } from "./bulk-strip.js";
import { BulkWatch } from "./bulk-watch.js";
import { LeadFeed } from "./feed.js";
import { Pipeline } from "./pipeline.js";
import { Selection } from "./selection.js";
import { StatusService, wishOf } from "./service.js";
import { Trail } from "./trail.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("/syncpatterns/live-events.js").LiveEvent} LiveEvent */
/** @typedef {import("../sms/desk.js").DeskOptions} DeskOptions */
/** @typedef {import("../sms/leads.js").Lead} Lead */
/** @typedef {import("../sms/leads.js").Leads} Leads */
/** @typedef {import("./bulk-plan.js").Plan} Plan */

/** A request younger than this is asked about by itself after a reload. */
const RESUME_WITHIN = 60_000;

/**
 * What a row of the table has for the status of its lead.
 *
 * @typedef {object} Parts
 * @property {HTMLInputElement} check
 * @property {LeadStatusButton} button
 * @property {HTMLButtonElement} trail
 */

/** Owned by the desk of the leads, which owns what is known of them. */
export class StatusDesk {
  #leads;
  #api;
  #announce;
  #service;
  #pipeline = new Pipeline();
  #plans;
  #signal;
  #watch;
  #strip;
  #bar;
  #trail;
  #feed;
  /** @type {Map<string, Parts>} */
  #parts = new Map();
  selection = new Selection();

  /** @param {DeskOptions} options @param {Leads} leads */
  constructor({ tenant, api, store, origins, activity, announce }, leads) {
    this.#leads = leads;
    this.#announce = announce;
    this.#api = api;
    this.#plans = new PlanStore(tenant);
    this.#signal = new BulkSignal(tenant);
    this.#watch = new BulkWatch({ signal: this.#signal, origins, plans: this.#plans });
    this.#strip = new BulkStrip(this.#watch, (plan) => this.#goOn(plan));
    this.#feed = new LeadFeed({ origins, activity });
    this.#service = new StatusService({
      tenant,
      headers: api.headers,
      store,
      onKey: (hash) => origins.add(hash),
    });
    this.#trail = new Trail((id) => api.leadAudit(id));
    this.#bar = new BulkBar({
      selection: this.selection,
      leads,
      pipeline: this.#pipeline,
      desk: {
        run: (plan) => this.#run(plan),
        nameOf: (id) => leads.get(id)?.name ?? id,
        onEnd: ({ kind, plan }) => {
          if (kind === "done" && plan.refused.length === 0) this.selection.replace([]);
        },
        announce,
      },
    });
    this.selection.addEventListener("change", () => this.#paintChecks());
  }

  get bar() {
    return this.#bar.element;
  }

  /** What is moved elsewhere. */
  get moves() {
    return this.#strip.element;
  }

  get dialog() {
    return this.#trail.element;
  }

  /** Fetch which status may follow which. */
  async open() {
    try {
      this.#pipeline.load(await this.#api.transitions());
    } catch {
      // Every status is offered, and the refusals teach which are possible.
    }
  }

  /** Leads of all pages that fit the search. @param {string[]} ids */
  fitting(ids) {
    this.#bar.fitting(ids);
  }

  /** @param {Lead} lead @returns {Parts} the same ones at every call */
  partsOf(lead) {
    const known = this.#parts.get(lead.id);
    if (known) return known;
    const check = el("input", { type: "checkbox", "aria-label": BULK.selectOne(lead.name) });
    check.checked = this.selection.has(lead.id);
    check.addEventListener("change", () => this.selection.set([lead.id], check.checked));
    const button = /** @type {LeadStatusButton} */ (document.createElement("lead-status-button"));
    button.use({
      service: this.#service,
      pipeline: this.#pipeline,
      announce: this.#announce,
      onOutcome: (outcome) => this.#onOutcome(lead.id, outcome),
      onTheirs: (shown, current) => this.#onTheirs(shown, current),
    });
    const trail = el("button", { type: "button", class: "trail-open" }, icon("history"));
    trail.setAttribute("aria-label", TRAIL.open(lead.name));
    trail.title = TRAIL.open(lead.name);
    trail.addEventListener("click", () => this.#trail.open(lead.id, lead.name));
    const parts = { check, button, trail };
    this.#parts.set(lead.id, parts);
    return parts;
  }

  /** Whether something was pressed that this page does not know the end of. */
  async hasPending() {
    return (await this.#service.pending()).length > 0 || this.#plans.all().length > 0;
  }

  /** Go on with what was pressed before a reload or a crash. */
  async pickUp() {
    for (const intent of await this.#service.pending()) {
      const wish = wishOf(intent);
      const lead = this.#leads.get(wish.lead_id);
      if (!lead || lead.version !== wish.version) {
        // The lead has moved on, and the version keeps the old press from ever
        // taking effect: there is nothing left to ask.
        await this.#service.forget(intent);
      } else if (intent.lastSentAt !== null) {
        const { button } = this.partsOf(lead);
        const recent = Date.now() - intent.lastSentAt < RESUME_WITHIN;
        button.lead = lead;
        if (recent) button.resume(intent, wish);
        else button.markUnanswered(intent, wish);
      }
    }
    await this.#pickUpPlan();
  }

  /** @param {LiveEvent} event what it says of a lead is not yet taken over */
  onEvent({ type, data, missed, ...envelope }) {
    if (type === "bulk.progress" && data) {
      this.#bar.button.run?.note(data);
      this.#watch.heard(data);
    }
    if (type === "sms.changed" && data?.message) this.#trail.note(data.message.lead_id);
    if (type !== "lead.changed" || !data?.lead) return;
    // Entering "do not contact" also closes the number, and that is told first.
    if (data.key_hash && data.to) this.#service.settle(data.key_hash, data.lead);
    this.#trail.note(data.lead.id);
    this.#feed.note(data, missed, /** @type {any} */ (envelope).occurred_at);
  }

  /** Another tenant is shown: what is on its way is finished, and no more is sent. */
  close() {
    this.#bar.button.run?.stop();
    this.#watch.close();
    this.#signal.close();
    this.moves.remove();
  }

  /** Events were lost, or may have been. */
  onGap() {
    this.#trail.onGap();
  }

  /** @param {Plan} plan */
  #run(plan) {
    const run = new BulkRun(plan, {
      service: this.#service,
      store: this.#plans,
      onLeads: (moved) => moved.forEach((lead) => this.#leads.apply(lead)),
    });
    this.#signal.follow(run);
    return run;
  }

  /** What the tab that is gone was at. @param {Plan} plan @returns {boolean} */
  #goOn(plan) {
    const { button } = this.#bar;
    if (button.flying || button.run !== null) {
      this.#announce("alert", BULK.busy);
      return false;
    }
    button.pickUp(plan, true);
    button.focus();
    return true;
  }

  async #pickUpPlan() {
    for (const { op } of this.#plans.all()) {
      if (!(await isFree(op))) continue;
      // Whoever was at it may have come further, or to the end.
      const plan = this.#plans.all().find((each) => each.op === op);
      if (plan) return this.#bar.button.pickUp(plan, Date.now() - plan.at < RESUME_WITHIN);
    }
  }

  /** @param {string} id @param {Outcome} outcome */
  #onOutcome(id, outcome) {
    const { kind, reason, body } = outcome;
    if (kind === "done" && body?.lead) this.#leads.apply(body.lead);
    if (reason === "transition-not-allowed" && Array.isArray(body?.allowed)) {
      const lead = this.#leads.get(id);
      if (lead) this.#pipeline.learn({ ...lead, status: body.from }, body.allowed);
    }
    if (reason === "reason-required") {
      const { to } = wishOf(outcome.intent);
      this.#pipeline.learnReason(this.#leads.get(id)?.status ?? "", to);
    }
  }

  /** @param {Lead} lead @param {any} current */
  #onTheirs(lead, current) {
    if (!current) return;
    const { status, version, at: updated_at } = current;
    this.#leads.apply({ ...lead, status, version, updated_at });
  }

  #paintChecks() {
    for (const [id, { check }] of this.#parts) check.checked = this.selection.has(id);
  }
}
