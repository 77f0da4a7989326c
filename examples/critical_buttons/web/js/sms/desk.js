// @ts-check
/** Leads and messages of one tenant: what is shown, what is sent, what comes in. */

import { el } from "../dom.js";
import { OnceMore } from "../once-more.js";
import { CHAOS, CONSENT, SMS } from "../strings.js";
import { StatusDesk } from "../status/desk.js";
import { exportLink } from "../status/export.js";
import { BreakerView } from "./breaker-view.js";
import { chaosPanel } from "./chaos-panel.js";
import { Composer } from "./composer.js";
import { LeadList } from "./lead-list.js";
import { Leads, Messages } from "./leads.js";
import { pausedUntil, rememberPause } from "./pauses.js";
import { SmsService, wishOf } from "./service.js";

/** @typedef {import("/syncpatterns/intent-store.js").IntentStore} IntentStore */
/** @typedef {import("/syncpatterns/live-events.js").LiveEvent} LiveEvent */
/** @typedef {import("../activity.js").Activity} Activity */
/** @typedef {import("../api.js").Api} Api */
/** @typedef {import("../elements/sync-button.js").Announce} Announce */
/** @typedef {import("../origin.js").Origins} Origins */
/** @typedef {import("./leads.js").Lead} Lead */
/** @typedef {import("./leads.js").Message} Message */

/** A request younger than this is asked about by itself after a reload. */
const RESUME_WITHIN = 60_000;

/**
 * @typedef {object} DeskOptions
 * @property {string} tenant
 * @property {Api} api
 * @property {Origins} origins
 * @property {IntentStore} store
 * @property {Activity} activity
 * @property {Announce} announce
 */

/** One tenant's leads in this tab. Nothing is fetched before `open`. */
export class SmsDesk {
  #options;
  #service;
  #leads = new Leads();
  #status;
  #messages = new Messages();
  #list;
  #breaker;
  /** @type {Map<string, Composer>} */
  #composers = new Map();
  /** Status of each message as the feed has it. @type {Map<string, string>} */
  #told = new Map();
  #chosen = "";
  #host = el("div", { class: "composer-host panel" }, el("p", { class: "note" }, SMS.choose));
  /** @type {Promise<void>|null} */
  #opened = null;
  #fetch = new OnceMore(() => this.#loadNow());

  /** @param {DeskOptions} options */
  constructor(options) {
    this.#options = options;
    const { tenant, api, origins, store } = options;
    this.#service = new SmsService({ tenant, api, store, onKey: (hash) => origins.add(hash) });
    this.#status = new StatusDesk(options, this.#leads);
    this.#list = new LeadList(this.#leads, {
      status: this.#status,
      exportLink: exportLink(() => api.exported(), options.announce),
      onChoose: (id) => this.choose(id),
      localOf: (id) => this.#composers.get(id)?.local ?? null,
      onRetry: () => void this.#load(),
    });
    this.#breaker = new BreakerView(() => api.breakers());
    this.#breaker.addEventListener("closed", () => this.#service.nudge());
    this.#messages.addEventListener("change", (event) => {
      const id = /** @type {CustomEvent<string>} */ (event).detail;
      this.#composers.get(id)?.history.show(this.#messages.of(id));
    });
    this.#leads.addEventListener("change", (event) => {
      const lead = /** @type {CustomEvent<Lead>} */ (event).detail;
      const composer = this.#composers.get(lead.id);
      if (composer) composer.lead = lead;
    });
    this.#leads.addEventListener("list", () => {
      for (const [id, composer] of this.#composers) {
        composer.lead = this.#leads.get(id) ?? composer.lead;
      }
    });
    this.element = el(
      "section",
      { class: "leads", id: "leads", tabindex: "-1", "aria-labelledby": "leads-title" },
      this.#list.element,
      this.#host,
      this.#status.dialog,
    );
    this.rail = el("div", { class: "sms-rail" }, this.#breaker.element);
  }

  /** What others move is shown above the bar; or where the leads are not, *elsewhere*.
   * @param {((moves: HTMLElement) => void)|null} elsewhere */
  placeMoves(elsewhere) {
    const { moves } = this.#status;
    if (elsewhere === null) this.#list.dock.prepend(moves);
    else elsewhere(moves);
  }

  /** Fetch what is shown; only the first call does. */
  open() {
    this.#opened ??= Promise.all([this.#load(), this.#status.open()]).then(() =>
      this.#breaker.look(),
    );
    return this.#opened;
  }

  close() {
    this.#breaker.close();
    this.#list.close();
    this.#status.close();
    this.element.remove();
    this.rail.remove();
  }

  /** The server lets faults be switched. */
  allowFaults() {
    const { api, announce } = this.#options;
    this.#breaker.allow(async (action) => {
      await api.fault("breaker", { action }).catch(() => announce("alert", CHAOS.failed));
    });
    const panel = chaosPanel({
      read: () => api.faults(),
      set: (faults) => api.fault("provider", faults),
      reply: (body) => api.fault("inbound", { lead_id: this.#chosen, body }),
      hasLead: () => this.#chosen !== "",
      announce,
    });
    this.rail.append(panel);
  }

  /** What a lead is called; its id while nobody has looked at the leads.
   * @param {string} id */
  nameOf(id) {
    return this.#leads.get(id)?.name ?? id;
  }

  /** Write to this lead. @param {string} id */
  choose(id) {
    const composer = this.#composerOf(id);
    if (!composer) return;
    this.#show(id, composer);
    composer.focus();
  }

  /** Go on with what was pressed before a reload or a crash. */
  async pickUp() {
    const intents = (await this.#service.pending()).filter((each) => each.lastSentAt !== null);
    const moves = await this.#status.hasPending();
    if (intents.length === 0 && !moves) return;
    await this.open();
    if (moves) await this.#status.pickUp();
    for (const intent of intents) {
      const { lead_id: id } = wishOf(intent);
      const composer = this.#composerOf(id);
      if (!composer || composer.button.flying) continue;
      const last = Math.max(intent.lastSentAt ?? 0, pausedUntil(this.#options.tenant, id));
      composer.pickUp(intent, Date.now() - last < RESUME_WITHIN);
      if (this.#chosen === "") this.#show(id, composer);
    }
  }

  /** @param {LiveEvent} event */
  onEvent(event) {
    const { type, data, missed } = event;
    this.#status.onEvent(event);
    if (type === "sms.changed" && data?.message) this.#onMessage(data.message, missed);
    if (type === "lead.changed" && data?.lead) this.#onLead(data.lead, missed);
    if (type === "breaker.changed" && this.#opened) void this.#breaker.look();
  }

  /** Events were lost, or may have been.
   * @returns {Promise<boolean>} whether the leads, if they are shown, are known anew */
  async onGap() {
    if (this.#opened === null) return true;
    const loaded = this.#load();
    this.#status.onGap();
    for (const id of this.#messages.leads()) void this.#loadHistory(id);
    void this.#breaker.look();
    return loaded;
  }

  /** @param {Message} message @param {boolean} missed */
  #onMessage(message, missed) {
    const { id, lead_id: leadId, op_key_hash: hash, status } = message;
    const known = this.#messages.statusOf(id);
    // The answer to this tab's own press may have come first: no line was made of it.
    const before = this.#told.get(id) ?? (known === status ? undefined : known);
    this.#told.set(id, status);
    if (hash) this.#service.settle(hash, message);
    this.#took(message);
    if (before === status) return;
    const origin = this.#options.origins.of(hash?.slice(0, 8));
    const entry = {
      at: message.updated_at,
      who: message.by,
      id: this.nameOf(leadId),
      kind: /** @type {const} */ ("sms"),
      ...(before === undefined ? {} : { from: before }),
      to: status,
      origin,
    };
    this.#options.activity.add(entry, missed && origin !== "tab");
  }

  /** @param {Lead} lead @param {boolean} missed */
  #onLead(lead, missed) {
    const known = this.#leads.get(lead.id);
    this.#leads.apply(lead);
    const to = consentOf(lead);
    // A change of the status is told by its own line.
    if (known && consentOf(known) === to) return;
    const entry = {
      at: lead.updated_at,
      who: "",
      id: lead.name,
      kind: /** @type {const} */ ("consent"),
      ...(known ? { from: consentOf(known) } : {}),
      to,
      origin: /** @type {const} */ ("elsewhere"),
    };
    this.#options.activity.add(entry, missed);
  }

  /** @param {Message} message */
  #took(message) {
    this.#messages.apply(message);
    this.#leads.noteMessage(message);
    this.#composers.get(message.lead_id)?.noteMessage(message);
  }

  /** @param {string} id @param {Composer} composer */
  #show(id, composer) {
    this.#chosen = id;
    this.#host.replaceChildren(composer.element);
    this.#list.choose(id);
    void this.#loadHistory(id);
  }

  /** @param {string} id @returns {Composer|null} null: there is no such lead */
  #composerOf(id) {
    const known = this.#composers.get(id);
    const lead = this.#leads.get(id);
    if (known || !lead) return known ?? null;
    const { tenant, announce } = this.#options;
    const composer = new Composer(lead, {
      service: this.#service,
      announce,
      onPause: (until) => rememberPause(tenant, id, until),
      onSent: (message) => {
        if (message) this.#took(message);
        else void this.#loadHistory(id);
      },
    });
    this.#composers.set(id, composer);
    let local = composer.local;
    composer.addEventListener("change", () => {
      if (composer.local === local) return;
      local = composer.local;
      this.#list.refresh(id);
      // Whatever has just come of a message may have moved the breaker.
      void this.#breaker.look();
    });
    return composer;
  }

  /** @param {string} id */
  async #loadHistory(id) {
    try {
      this.#messages.fill(id, await this.#options.api.history(id));
    } catch {
      this.#composers.get(id)?.history.failed();
    }
  }

  /**
   * Fetch the leads.
   *
   * @returns {Promise<boolean>} false if they could not be fetched
   */
  #load() {
    return this.#fetch.run();
  }

  async #loadNow() {
    const leads = this.#leads.load(() => this.#options.api.leads());
    const loaded = await leads.then(() => true, () => false);
    if (!loaded) this.#list.failed();
    return loaded;
  }
}

/** @param {Lead} lead @returns {keyof typeof CONSENT} */
function consentOf({ opted_out: out, under_review: review }) {
  if (out) return "opted_out";
  return review ? "under_review" : "open";
}
