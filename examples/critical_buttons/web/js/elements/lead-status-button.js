// @ts-check
/**
 * `<lead-status-button>`: moves one lead to a status that may follow, and tells the
 * truth about it.
 *
 * @module
 */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { MOVE, MOVE_ENDS, MOVED, SAID, STATUS_FORM } from "../strings.js";
import { StatusForm } from "../status/status-form.js";
import { choosingView, staleView, statusName, viewOf } from "./status-view.js";
import { SyncButton } from "./sync-button.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("/syncpatterns/intent-store.js").Intent} Intent */
/** @typedef {import("../sms/leads.js").Lead} Lead */
/** @typedef {import("../status/pipeline.js").Pipeline} Pipeline */
/** @typedef {import("../status/service.js").StatusService} StatusService */
/** @typedef {import("../status/service.js").Wish} Wish */
/** @typedef {import("./outcome-view.js").Action} Action */
/** @typedef {import("./status-view.js").View} View */
/** @typedef {import("./sync-button.js").Announce} Announce */
/** @typedef {import("./sync-button.js").How} How */

/**
 * What the button needs from the page.
 *
 * @typedef {object} Services
 * @property {StatusService} service
 * @property {Pipeline} pipeline
 * @property {(outcome: Outcome) => void} onOutcome what came of a press
 * @property {(lead: Lead, current: any) => void} onTheirs somebody else's change holds
 * @property {Announce} announce
 */

export class LeadStatusButton extends SyncButton {
  /** @type {Lead|null} */
  #lead = null;
  /** @type {Services|null} */
  #services = null;
  /** What is wished, while that is not settled. @type {Wish|null} */
  #wish = null;
  /** Its key, while there is one. @type {Intent|null} */
  #intent = null;
  /** What somebody else made of it. @type {any} */
  #theirs = null;
  /** @type {StatusForm|null} */
  #form = null;
  /** What the row showed when the form was opened: the choice is about that, also
   * when somebody changes the lead meanwhile. @type {Lead|null} */
  #asked = null;

  /** @param {Services} services */
  use(services) {
    this.#services = services;
    this.useAnnounce(services.announce);
    services.pipeline.addEventListener("change", () => this.#offer());
  }

  /** @returns {Lead|null} */
  get lead() {
    return this.#lead;
  }

  /** The newest state known; an answer in flight is not overwritten by it. */
  set lead(lead) {
    this.#lead = lead;
    const shown = /** @type {View|null} */ (this.view);
    if (lead && shown && !this.flying && lead.version > shown.about && !shown.keeps) {
      this.show(null);
    }
    this.render();
  }

  /** Ask what became of a request that left before this page was loaded.
   * @param {Intent} intent @param {Wish} wish */
  resume(intent, wish) {
    const services = this.#services;
    if (!services || this.flying) return;
    this.#intent = intent;
    this.say("status", SAID.asking);
    this.#fly(wish, (how) => services.service.resume(intent, how));
  }

  /** Say that an earlier press was never answered.
   * @param {Intent} intent @param {Wish} wish */
  markUnanswered(intent, wish) {
    if (!this.#lead || this.flying) return;
    this.#intent = intent;
    this.#wish = wish;
    this.show(staleView(this.#lead));
  }

  /** @protected @override */
  verb() {
    return [MOVE.label, el("span", { class: "hidden" }, MOVE.of(this.#lead?.name ?? ""))];
  }

  /** @protected @override */
  rest() {
    if (!this.#lead) return null;
    const ready = (this.#services?.pipeline.after(this.#lead).length ?? 0) > 0;
    const look = { label: "", tone: /** @type {const} */ ("plain"), icon: "" };
    if (ready) return { ...look, state: "idle", ready };
    return { ...look, state: "final", label: this.#endText, icon: "flag", ready };
  }

  /** @protected @override */
  settled() {
    return [icon("flag"), this.#endText];
  }

  get #endText() {
    return this.#lead?.status === "do_not_contact" ? MOVE.waits : MOVE.final;
  }

  /** @protected @override */
  sendingSaid() {
    return MOVED.sending(this.#lead?.name ?? "", statusName(this.#wish?.to ?? ""));
  }

  /** @protected @override */
  send() {
    // What is shown says that this very wish is not settled.
    if (this.view && this.#wish) this.#move(this.#wish);
    else this.#choose();
  }

  /** @param {{title?: string, text?: string}} [words] */
  #choose(words) {
    const lead = this.#lead;
    if (!lead) return;
    this.#asked = lead;
    this.#form ??= new StatusForm({
      needsReason: (to) => this.#needsReason(to),
      onMove: ({ to, reason }) => {
        const { id, version } = this.#asked ?? lead;
        this.focus();
        this.#move({ lead_id: id, to, version, ...(reason === "" ? {} : { reason }) });
      },
      onKeep: () => {
        this.show(null);
        this.focus();
      },
    });
    this.#offer();
    const text = STATUS_FORM.text(statusName(lead.status));
    this.show(choosingView(lead, this.#form.element, { title: STATUS_FORM.title(lead.name), text, ...words }));
    this.#form.focus();
  }

  /** @param {string} to */
  #needsReason(to) {
    return this.#services?.pipeline.needsReason(this.#asked?.status ?? "", to) ?? false;
  }

  #offer() {
    if (this.#asked) this.#form?.offer(this.#services?.pipeline.after(this.#asked) ?? []);
    if (!this.flying) this.render();
  }

  /** @param {Wish} wish */
  #move(wish) {
    const services = this.#services;
    if (services) this.#fly(wish, (how) => services.service.move(wish, how));
  }

  /** @param {Wish} wish @param {(how: How) => Promise<Outcome>} request */
  #fly(wish, request) {
    this.#wish = wish;
    void this.fly(request, (outcome) => this.#ended(outcome, wish));
  }

  /** @param {Outcome} outcome @param {Wish} wish @returns {View|null} */
  #ended(outcome, wish) {
    const lead = this.#lead;
    if (!lead) return null;
    this.#intent = outcome.definite ? null : outcome.intent;
    const seen = this.#statusAt(wish.version);
    this.#theirs = outcome.body?.current ?? null;
    const view = viewOf(outcome, wish, lead, seen);
    if (outcome.kind === "done") {
      this.#wish = null;
      // The next step is another one, with a reason of its own.
      this.#form = null;
    }
    this.#services?.onOutcome(outcome);
    return view;
  }

  /** What the lead was at *version*, as far as this button has shown it. The event of
   * somebody else's change is usually here before the 412 that it causes.
   * @param {number} version @returns {string|null} */
  #statusAt(version) {
    const known = [this.#asked, this.#theirs, this.#lead];
    return known.find((each) => each?.version === version)?.status ?? null;
  }

  /** @protected @override @param {Action} action */
  async act(action) {
    const lead = this.#lead;
    const wish = this.#wish;
    if (!lead || !wish) return;
    switch (action) {
      case "again":
        return this.#intent ? this.resume(this.#intent, wish) : this.#move(wish);
      case "start-over":
        await this.#drop();
        return this.#move({ ...wish, version: lead.version });
      case "use-mine":
        return this.#move({ ...wish, version: this.#theirs?.version ?? lead.version });
      case "keep-theirs":
        await this.#drop();
        this.#services?.onTheirs(lead, this.#theirs);
        return this.focus();
      case "choose":
        this.#wish = null;
        return this.#choose(this.#needsReason(wish.to) ? { title: MOVE_ENDS.reason.title } : {});
      case "drop":
      case "give-up":
        await this.#drop();
        return this.focus();
      default:
    }
  }

  async #drop() {
    const intent = this.#intent;
    this.#intent = null;
    this.#wish = null;
    this.show(null);
    if (intent) await this.#services?.service.forget(intent);
  }
}

customElements.define("lead-status-button", LeadStatusButton);
