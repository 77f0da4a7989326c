// @ts-check
/**
 * `<send-sms-button>`: sends one message to one lead and tells the truth about it.
 *
 * @module
 */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { BUTTON, SAID, SEND, SENT, SMS } from "../strings.js";
import {
  confirmingView,
  notSentView,
  pausedView,
  sendAgainView,
  sentView,
  staleView,
  unknownView,
  viewOf,
} from "./sms-view.js";
import { SyncButton } from "./sync-button.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("/syncpatterns/intent-store.js").Intent} Intent */
/** @typedef {import("../sms/leads.js").Lead} Lead */
/** @typedef {import("../sms/leads.js").Message} Message */
/** @typedef {import("../sms/service.js").SmsService} SmsService */
/** @typedef {import("../sms/service.js").Settled} Settled */
/** @typedef {import("./outcome-view.js").Action} Action */
/** @typedef {import("./sms-view.js").View} View */
/** @typedef {import("./sync-button.js").Announce} Announce */
/** @typedef {import("./sync-button.js").How} How */

/**
 * What the button needs from the page.
 *
 * @typedef {object} Desk
 * @property {SmsService} service
 * @property {() => {body: string, count: number, fault: string}} draft what would be
 *   sent; `fault` says why it cannot be
 * @property {() => void} onFault the draft was pressed, and has a fault
 * @property {(message: Message|null) => void} onSent
 * @property {(until: number) => void} onPause it waits until then; 0: no longer
 * @property {Announce} announce
 */

/** Dispatches `change` whenever `locked`, `flying` or the state may have changed. */
export class SendSmsButton extends SyncButton {
  /** @type {Lead|null} */
  #lead = null;
  /** @type {Desk|null} */
  #desk = null;
  /** What was pressed, while it has a key. @type {Intent|null} */
  #intent = null;
  /** Whether the text must stay for what is shown. */
  #locks = false;
  #said = "";
  /** @type {string} */
  #busyText = BUTTON.sending;

  /** @param {Desk} desk */
  use(desk) {
    this.#desk = desk;
    this.useAnnounce(desk.announce);
  }

  /** @returns {Lead|null} */
  get lead() {
    return this.#lead;
  }

  set lead(lead) {
    this.#lead = lead;
    this.render();
  }

  /** Whether the text must not be changed: it is on its way, or may have been sent. */
  get locked() {
    return this.flying || (this.view !== null && this.#locks);
  }

  /** Whether it is locked for longer than a request takes. */
  get unsettled() {
    return this.locked && (!this.flying || this.paused);
  }

  /** The text is another one: what was said about the last one is void. */
  textChanged() {
    if (this.locked || this.view === null) return;
    const intent = this.#intent;
    this.#intent = null;
    // Certainly not sent, and not wanted like that any more.
    if (intent) void this.#desk?.service.forget(intent);
    this.#tell(null);
  }

  /** Ask what became of a message that left before this page was loaded.
   * @param {Intent} intent */
  resume(intent) {
    if (this.flying) return;
    this.say("status", SAID.asking);
    this.#intent = intent;
    this.#send((how) => this.#service.resume(intent, how));
  }

  /** Say that an earlier press was never answered. @param {Intent} intent */
  markUnanswered(intent) {
    if (this.flying) return;
    this.#intent = intent;
    this.#tell(staleView());
  }

  /** @protected @override */
  verb() {
    return [SMS.button, el("span", { class: "hidden" }, ` to ${this.#name}`)];
  }

  /** @protected @override */
  rest() {
    if (!this.#lead) return null;
    const ready = !this.#lead.opted_out && !this.#lead.under_review;
    const look = { label: "", tone: /** @type {const} */ ("plain"), icon: "" };
    if (ready) return { ...look, state: "idle", ready };
    return { ...look, state: "opted-out", label: SMS.cannot, icon: "cross", ready };
  }

  /** @protected @override */
  settled() {
    return [icon("cross"), SMS.cannot];
  }

  /** @protected @override */
  sendingSaid() {
    return this.#said;
  }

  /** @protected @override */
  busyText() {
    return this.#busyText;
  }

  /** @protected @override @param {number} until */
  pausedView(until) {
    this.#locks = true;
    this.#desk?.onPause(until);
    return pausedView(until);
  }

  /** @protected @override @param {string} left */
  pausedLabel(left) {
    return SEND.paused(left);
  }

  /** @protected @override */
  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** @protected @override @param {{confirmed?: boolean}} [how] */
  send({ confirmed = false } = {}) {
    const desk = this.#desk;
    const lead = this.#lead;
    if (!desk || !lead) return;
    const { body, count, fault } = desk.draft();
    if (fault !== "") {
      this.say("alert", fault);
      return desk.onFault();
    }
    // Somebody who repeats a press has answered that already.
    if (count > 1 && !confirmed && this.view === null) {
      this.#tell(confirmingView(count, lead.name));
      return this.focusCard();
    }
    this.#send((how) => desk.service.send(lead.id, body, how));
  }

  /** @param {(how: How) => Promise<Outcome>} request */
  #send(request) {
    this.#said = SENT.sending(this.#name);
    this.#busyText = BUTTON.sending;
    void this.fly(request, (outcome) => this.#ended(outcome));
  }

  /** @param {Outcome} outcome @returns {View|null} */
  #ended(outcome) {
    this.#intent = outcome.definite ? null : outcome.intent;
    this.#desk?.onPause(0);
    if (outcome.kind === "done") this.#desk?.onSent(outcome.body?.message ?? null);
    if (outcome.kind === "cancelled" && outcome.definite) this.say("status", SENT.cancelled);
    return this.#kept(viewOf(outcome, this.#name));
  }

  /** @protected @override @param {Action} action */
  async act(action) {
    const intent = this.#intent;
    switch (action) {
      case "confirm":
        this.focus();
        return this.send({ confirmed: true });
      case "keep":
        this.#tell(null);
        return this.focus();
      case "again":
        return intent ? this.resume(intent) : this.send();
      case "start-over":
      case "give-up":
        await this.#giveUp();
        return this.focus();
      case "ask-provider":
        return this.#settle("check");
      case "mark-sent":
        return this.#settle("sent");
      case "send-again":
        this.#tell(sendAgainView(this.#name));
        return this.focusCard();
      case "keep-unknown":
        this.#tell({ ...unknownView(this.#name), say: "" });
        return this.focus();
      case "really-send-again":
        return this.#settle("not-sent");
      default:
    }
  }

  async #giveUp() {
    if (this.#intent) await this.#service.forget(this.#intent);
    this.#intent = null;
    this.#tell(null);
  }

  /** @param {import("../sms/service.js").Verdict} verdict */
  async #settle(verdict) {
    const intent = this.#intent;
    if (!intent) return;
    this.#said = SENT.asking;
    this.#busyText = SEND.asking;
    /** @type {Settled["outcome"]} */
    let came = "failed";
    await this.fly(
      () => this.#service.resolve(intent, verdict),
      (settled) => {
        came = settled.outcome;
        return this.#kept(this.#settledView(settled));
      },
    );
    await this.#afterSettling(came, intent, verdict);
  }

  /** @param {Settled} settled @returns {View|null} */
  #settledView({ outcome, message }) {
    const name = this.#name;
    switch (outcome) {
      case "sent":
        this.#desk?.onSent(message);
        return sentView(name);
      case "not-sent":
        return notSentView(name);
      case "unknown":
        return { ...unknownView(name), level: "status", say: SENT.stillUnknown };
      case "gone":
        // The key is kept: should it be on its way after all, the next press joins it.
        return { ...notSentView(name), locks: true };
      default:
        return { ...unknownView(name), say: SENT.notAsked };
    }
  }

  /**
   * @param {Settled["outcome"]} came
   * @param {Intent} intent
   * @param {import("../sms/service.js").Verdict} verdict
   */
  async #afterSettling(came, intent, verdict) {
    if (came === "sent" || came === "not-sent") {
      await this.#service.forget(intent);
      this.#intent = null;
    }
    if (came === "not-sent" && verdict === "not-sent") this.send({ confirmed: true });
  }

  /** @param {View|null} view */
  #tell(view) {
    this.show(this.#kept(view));
    this.changed();
  }

  /** @param {View|null} view */
  #kept(view) {
    this.#locks = view?.locks ?? false;
    return view;
  }

  get #name() {
    return this.#lead?.name ?? "";
  }

  get #service() {
    if (!this.#desk) throw new Error("use() comes first");
    return this.#desk.service;
  }
}

customElements.define("send-sms-button", SendSmsButton);
