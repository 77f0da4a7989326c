// @ts-check
/** The small labels of leads and messages: icon, words and colour say the same. */

import { el } from "../dom.js";
import { icon, LEAD_ICON, SMS_ICON } from "../icons.js";
import { DELIVERY, LEAD_STATUS, LEADS, NOT_DELIVERED, SMS } from "../strings.js";

/** @typedef {import("./leads.js").Lead} Lead */
/** @typedef {import("./leads.js").Message} Message */

/** @type {Readonly<Record<string, string>>} */
const LOCAL_ICON = Object.freeze({
  sending: "again",
  paused: "clock",
  look: "question",
  failed: "alert",
});

/** @param {string} kind @param {string} value @param {string} name @param {string} text */
function chip(kind, value, name, text) {
  return el("span", { class: "chip", [`data-${kind}`]: value }, icon(name), text);
}

/** @param {string} status */
export function leadChip(status) {
  return chip("lead", status, LEAD_ICON[status] ?? "minus", LEAD_STATUS[status] ?? status);
}

/** @param {Lead} lead @returns {HTMLElement|null} whether messages may be sent */
export function consentChip({ opted_out: out, under_review: review }) {
  if (out) return chip("consent", "out", "cross", LEADS.optedOut);
  return review ? chip("consent", "review", "question", LEADS.underReview) : null;
}

/** @param {string} status */
export function deliveryChip(status) {
  return chip("delivery", status, SMS_ICON[status] ?? "minus", DELIVERY[status] ?? status);
}

/** @param {keyof typeof LEADS.local} state of a message that has not got through */
export function localChip(state) {
  return chip("local", state, LOCAL_ICON[state] ?? "minus", LEADS.local[state]);
}

/** Why it was not delivered; "" if it was, or nobody said.
 * @param {Message} message */
export function whyNot({ status, error_code: code }) {
  if ((status !== "undelivered" && status !== "failed") || !code) return "";
  return NOT_DELIVERED[code] ?? SMS.code(code);
}
