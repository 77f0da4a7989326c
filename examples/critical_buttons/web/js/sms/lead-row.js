// @ts-check
/** One lead in the table; its name is the button that chooses it. */

import { el, setText } from "../dom.js";
import { LEADS } from "../strings.js";
import { soon } from "../when.js";
import { consentChip, deliveryChip, leadChip, localChip } from "./chips.js";

/** @typedef {import("./composer.js").Composer} Composer */
/** @typedef {import("./leads.js").Lead} Lead */
/** @typedef {import("../status/desk.js").Parts} Parts */

/** Keeps its elements while it is shown, so that the focus stays. */
export class LeadRow {
  #name = el("span", { class: "name" });
  #phone = el("span", { class: "phone" });
  #status = el("td", { class: "lead-status", role: "cell" });
  #last = el("td", { class: "last-sms", role: "cell" });
  #choose;
  #button;
  #painted = "";

  /** @param {Lead} lead @param {(id: string) => void} onChoose @param {Parts} parts */
  constructor(lead, onChoose, { check, button, trail }) {
    const detail = el("td", { class: "detail", role: "cell" });
    button.cardHost = detail;
    this.#button = button;
    this.#choose = el("button", { type: "button", class: "choose" }, this.#name, this.#phone);
    this.#choose.addEventListener("click", () => onChoose(lead.id));
    this.element = el(
      "tr",
      { role: "row", "data-lead-id": lead.id },
      el("td", { class: "pick", role: "cell" }, el("label", {}, check)),
      el("th", { scope: "row", role: "rowheader" }, this.#choose),
      this.#status,
      this.#last,
      el("td", { class: "lead-act", role: "cell" }, button, trail),
      detail,
    );
  }

  /** @param {Lead} lead @param {Composer["local"]} local @param {boolean} chosen */
  show(lead, local, chosen) {
    if (chosen) this.#choose.setAttribute("aria-current", "true");
    else this.#choose.removeAttribute("aria-current");
    const painted = JSON.stringify([lead, local]);
    if (painted === this.#painted) return;
    this.#painted = painted;
    this.#button.lead = lead;
    setText(this.#name, lead.name);
    setText(this.#phone, lead.phone);
    const consent = consentChip(lead);
    this.#status.replaceChildren(leadChip(lead.status), ...(consent ? [consent] : []));
    this.#last.replaceChildren(...lastSms(lead, local));
  }

  /** Light up for a moment: somebody has just changed this. */
  flash() {
    this.element.classList.remove("changed");
    // Reading a size makes the browser notice that the class was gone.
    void this.element.offsetWidth;
    this.element.classList.add("changed");
  }
}

/** @param {Lead} lead @param {Composer["local"]} local */
function lastSms({ last_sms: last }, local) {
  if (local !== null) return [localChip(local)];
  if (last === null) return [el("span", { class: "hint" }, LEADS.never)];
  return [deliveryChip(last.status), el("time", { class: "at", datetime: last.at }, soon(last.at))];
}
