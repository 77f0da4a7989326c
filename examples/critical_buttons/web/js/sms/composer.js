// @ts-check
/** What is written to one lead: text, counter, button, messages. */

import { el, setText } from "../dom.js";
import { SendSmsButton } from "../elements/send-sms-button.js";
import { SENT, SMS } from "../strings.js";
import { consentChip, deliveryChip, leadChip, whyNot } from "./chips.js";
import { History } from "./history.js";
import { named, segments } from "./segments.js";
import { wishOf } from "./service.js";

/** @typedef {import("/syncpatterns/intent-store.js").Intent} Intent */
/** @typedef {import("../elements/send-sms-button.js").Desk} Desk */
/** @typedef {import("../elements/sync-button.js").Announce} Announce */
/** @typedef {import("./leads.js").Lead} Lead */
/** @typedef {import("./leads.js").Message} Message */

/** What the server takes, in characters. */
const LONGEST = 1600;
/** Nothing in it that anybody could see; the server refuses such a text. */
const BLANK = /^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Zs}\p{Default_Ignorable_Code_Point}\u2800]*$/u;

let composers = 0;

/**
 * Lives as long as its lead, so that drafts and what is on its way are kept when
 * another lead is chosen. Dispatches `change` when `local` may have changed.
 */
export class Composer extends EventTarget {
  #lead;
  #announce;
  /** The message that was sent from here last. @type {string|null} */
  #sent = null;
  #name = el("h3", { class: "to" });
  #phone = el("span", { class: "phone" });
  #chips = el("span", { class: "chips" });
  #consent = el("p", { class: "hint consent" });
  #text;
  #counter;
  #locked = el("p", { class: "hint" }, SMS.locked);
  #delivery = el("span", { class: "delivery" });
  #button = /** @type {SendSmsButton} */ (document.createElement("send-sms-button"));

  /**
   * @param {Lead} lead
   * @param {object} desk
   * @param {import("./service.js").SmsService} desk.service
   * @param {(message: Message|null) => void} desk.onSent
   * @param {(until: number) => void} desk.onPause
   * @param {Announce} desk.announce
   */
  constructor(lead, { service, onSent, onPause, announce }) {
    super();
    this.#lead = lead;
    this.#announce = announce;
    const id = `composer-${(composers += 1)}`;
    this.#text = el("textarea", {
      id,
      rows: "4",
      placeholder: SMS.hint,
      "aria-describedby": `${id}-counter`,
      autocomplete: "off",
      dir: "auto",
    });
    this.#counter = el("p", { class: "counter", id: `${id}-counter` });
    this.history = new History(`${id}-history`);
    this.#button.use({
      service,
      announce,
      onPause,
      draft: () => this.#draft(),
      onFault: () => this.#text.focus(),
      onSent: (message) => {
        this.#hasSent(message);
        onSent(message);
      },
    });
    this.#button.addEventListener("change", () => this.#changed());
    this.#text.addEventListener("input", () => {
      this.#button.textChanged();
      this.#count();
    });
    const label = el("label", { class: "hidden", for: id }, SMS.to(lead.name));
    const head = el("div", { class: "composer-head" }, this.#name, this.#phone, this.#chips);
    const act = el("div", { class: "composer-act" }, this.#button, this.#delivery);
    this.element = el(
      "section",
      { class: "composer", "aria-label": SMS.to(lead.name), "data-lead-id": lead.id },
      head,
      this.#consent,
      label,
      this.#text,
      this.#counter,
      this.#locked,
      act,
      this.history.element,
    );
    this.lead = lead;
    this.#changed();
    this.#count();
  }

  get button() {
    return this.#button;
  }

  get lead() {
    return this.#lead;
  }

  set lead(lead) {
    this.#lead = lead;
    setText(this.#name, lead.name);
    setText(this.#phone, lead.phone);
    const consent = consentChip(lead);
    this.#chips.replaceChildren(leadChip(lead.status), ...(consent ? [consent] : []));
    const out = lead.opted_out ? SMS.optedOut : SMS.underReview;
    setText(this.#consent, out);
    this.#consent.hidden = !lead.opted_out && !lead.under_review;
    this.#button.lead = lead;
  }

  /** What keeps a message from here from having got through, or null.
   * @returns {"sending"|"paused"|"look"|"failed"|null} */
  get local() {
    if (this.#button.paused) return "paused";
    if (this.#button.flying) return "sending";
    switch (this.#button.dataset.state) {
      case "unknown":
      case "too-old":
      case "unanswered":
        return "look";
      case "failed":
      case "unreachable":
      case "offline":
      case "quiet-hours":
      case "rate-limited":
        return "failed";
      default:
        return null;
    }
  }

  focus() {
    this.#text.focus();
  }

  /** Go on with what was pressed before this page was loaded.
   * @param {Intent} intent @param {boolean} ask whether to ask at once */
  pickUp(intent, ask) {
    this.#text.value = wishOf(intent).body;
    this.#count();
    if (ask) this.#button.resume(intent);
    else this.#button.markUnanswered(intent);
  }

  /** A message of this lead was sent, or its status has changed.
   * @param {Message} message */
  noteMessage(message) {
    if (message.id !== this.#sent) return;
    const painted = this.#delivery.dataset.status;
    this.#paintDelivery(message);
    const lost = message.status === "undelivered" || message.status === "failed";
    if (lost && painted !== message.status) {
      this.#announce("status", SENT.notDelivered(this.#lead.name, whyNot(message).toLowerCase()));
    }
  }

  /** @param {Message|null} message */
  #hasSent(message) {
    this.#text.value = "";
    this.#count();
    this.#sent = message?.id ?? null;
    if (message) this.#paintDelivery(message);
  }

  /** @param {Message} message */
  #paintDelivery(message) {
    this.#delivery.dataset.status = message.status;
    this.#delivery.replaceChildren(deliveryChip(message.status));
  }

  #draft() {
    const body = this.#text.value;
    const { count } = segments(body);
    if (BLANK.test(body)) return { body, count, fault: SENT.blank };
    return { body, count, fault: [...body].length > LONGEST ? SENT.tooLong : "" };
  }

  #count() {
    const text = this.#text.value;
    const { units, room, count, encoding, forcedBy } = segments(text);
    const length = [...text].length;
    const words = [SMS.counter(units, room, count, encoding)];
    if (forcedBy !== null) words.push(SMS.forced(named(forcedBy)));
    const line = words.join(" ");
    setText(this.#counter, length > LONGEST ? `${line} · ${SMS.tooLong(length)}` : line);
    this.#counter.classList.toggle("over", length > LONGEST);
    if (length > LONGEST) this.#text.setAttribute("aria-invalid", "true");
    else this.#text.removeAttribute("aria-invalid");
  }

  #changed() {
    this.#text.readOnly = this.#button.locked;
    // Not for the moment that an answer takes: it would be a flash.
    this.#locked.hidden = !this.#button.unsettled;
    this.element.classList.toggle("unsettled", this.#button.unsettled);
    if (this.#button.flying) this.#delivery.replaceChildren();
    this.dispatchEvent(new Event("change"));
  }
}
