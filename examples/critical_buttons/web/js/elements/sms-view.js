// @ts-check
/**
 * What the send button shows for each outcome: a pure table, no DOM, no waiting.
 *
 * @module
 */

import { BUTTON, ENDS, REJECTED, SAID, SEND, SENT, SMS_ENDS } from "../strings.js";
import { soon } from "../when.js";
import { okView, plainView, unansweredView } from "./outcome-view.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("./outcome-view.js").Action} Action */

/** @typedef {import("./outcome-view.js").View & {locks: boolean}} View
 * `locks`: the text must stay, since it is not known whether it was sent */

/** After these the server has certainly sent nothing, and the key is free. */
const NOTHING_SENT = new Set([
  "circuit-open",
  "call-rejected",
  "quiet-hours",
  "rate-limited",
  "provider-unavailable",
  "provider-misconfigured",
  "not-sent",
]);

/**
 * @param {Outcome} outcome
 * @param {string} name of the lead
 * @returns {View|null} null: back to rest
 */
export function viewOf(outcome, name) {
  switch (outcome.kind) {
    case "done":
      return doneView(outcome, name);
    case "refused":
    case "conflict":
      return refusedView(outcome, name);
    case "parked":
      return outcome.reason === "key-expired" ? tooOldView(name) : unknownView(name);
    case "cancelled":
      return null;
    default:
      return NOTHING_SENT.has(outcome.reason) ? notNowView(outcome, name) : openView(outcome, name);
  }
}

/** @param {number} count @param {string} name @returns {View} */
export function confirmingView(count, name) {
  return {
    ...plainView(),
    state: "confirming",
    label: SEND.confirming(count),
    press: "nothing",
    icon: "question",
    locks: false,
    card: {
      title: SMS_ENDS.confirm(count, name),
      text: SMS_ENDS.confirmText,
      facts: [],
      actions: ["confirm", "keep"],
    },
  };
}

/** @param {number} until ms since 1970 @returns {View} */
export function pausedView(until) {
  // The second in which it ends is not over yet.
  const time = soon(new Date(until).toISOString());
  return {
    ...plainView(),
    state: "paused",
    tone: "paused",
    icon: "clock",
    press: "card",
    level: "status",
    say: SENT.paused(time),
    locks: true,
    card: {
      title: SMS_ENDS.paused.title,
      text: SMS_ENDS.paused.text(time),
      facts: [],
      actions: ["wait", "cancel"],
    },
  };
}

/** @param {string} name @returns {View} */
export function sentView(name) {
  return { ...okView({ state: "done", label: SEND.sent, say: SENT.sent(name) }), locks: false };
}

/** @param {string} name @returns {View} */
export function unknownView(name) {
  return lookView(name, "unknown", SMS_ENDS.unknown, ["ask-provider", "mark-sent", "send-again"]);
}

/** @param {string} name @returns {View} */
export function sendAgainView(name) {
  const card = { title: SMS_ENDS.sendAgain.title, text: SMS_ENDS.sendAgain.text(name) };
  const view = lookView(name, "unknown", card, ["really-send-again", "keep-unknown"]);
  return { ...view, say: "" };
}

/** @param {string} name @returns {View} the provider does not have it */
export function notSentView(name) {
  const { title, text } = SMS_ENDS.notSent;
  return {
    ...plainView(),
    state: "not-sent",
    label: SEND.notSent,
    tone: "warn",
    icon: "again",
    level: "status",
    say: SENT.problem(name, title),
    locks: false,
    card: { title, text, facts: [], actions: [] },
  };
}

/** @returns {View} for a request of an earlier page that was never answered */
export function staleView() {
  return {
    ...plainView(),
    state: "unanswered",
    label: BUTTON.unanswered,
    tone: "warn",
    icon: "question",
    locks: true,
    card: { ...ENDS.unanswered, facts: [], actions: ["again", "give-up"] },
  };
}

/** @param {Outcome} outcome @param {string} name @returns {View} */
function doneView(outcome, name) {
  const again = outcome.replayed || outcome.reason === "outcome-gone";
  if (!again) return sentView(name);
  const shown = okView({ state: "replayed", label: SEND.already, say: SAID.replayed });
  return { ...shown, locks: false };
}

/** @param {Outcome} outcome @param {string} name @returns {View} */
function refusedView(outcome, name) {
  const { title, text, label = BUTTON.refused } = refusal(outcome.reason, outcome.body ?? {});
  return {
    ...plainView(),
    state: label === BUTTON.refused ? "refused" : "not-accepted",
    label,
    tone: "err",
    icon: "cross",
    press: "card",
    say: SENT.problem(name, title),
    locks: false,
    card: { title, text, facts: [], actions: ["close"] },
  };
}

/** @param {string} reason @param {any} problem
 * @returns {{title: string, text: string, label?: string}} */
function refusal(reason, problem) {
  switch (reason) {
    case "opted-out":
      return problem.under_review ? SMS_ENDS.underReview : SMS_ENDS.optedOut;
    case "phone-invalid":
      return SMS_ENDS.phoneInvalid;
    case "provider-rejected":
      return rejection(problem.provider_code);
    case "lead-not-found":
      return SMS_ENDS.notFound;
    case "key-reused":
      return { ...ENDS.keyReused, label: BUTTON.notAccepted };
    default: {
      const detail = typeof problem.detail === "string" ? `${problem.detail} ` : "";
      const { title, text } = ENDS.notAccepted;
      return { title, text: `${detail}${text}`, label: BUTTON.notAccepted };
    }
  }
}

/** @param {unknown} code */
function rejection(code) {
  const { title, text } = SMS_ENDS.rejected;
  const known = REJECTED[String(code)];
  const why = known ?? (code == null ? "" : SMS_ENDS.rejected.code(String(code)));
  return { title, text: `${why} ${text}`.trim() };
}

/** @param {string} name @returns {View} */
function tooOldView(name) {
  const view = lookView(name, "too-old", SMS_ENDS.tooOld, ["start-over"]);
  return { ...view, label: BUTTON.tooOld, icon: "clock" };
}

/**
 * @param {string} name
 * @param {string} state
 * @param {{title: string, text: string}} words
 * @param {Action[]} actions
 * @returns {View}
 */
function lookView(name, state, { title, text }, actions) {
  return {
    ...plainView(),
    state,
    label: BUTTON.unknown,
    tone: "warn",
    icon: "question",
    press: "card",
    say: SENT.problem(name, title),
    locks: true,
    card: { title, text, facts: [], actions },
  };
}

/** Certainly not sent, and it may be pressed again later.
 * @param {Outcome} outcome @param {string} name @returns {View} */
function notNowView(outcome, name) {
  const { state, label, icon, title, text } = notNow(outcome, name);
  return {
    ...plainView(),
    state,
    label,
    tone: state === "failed" ? "err" : "warn",
    icon,
    say: SENT.problem(name, title),
    locks: false,
    card: { title, text, facts: [], actions: [] },
  };
}

/** @param {Outcome} outcome @param {string} name */
function notNow({ reason, retryAt, body }, name) {
  const told = typeof body?.retry_at === "string" ? Date.parse(body.retry_at) : Number.NaN;
  const at = Number.isNaN(told) ? retryAt : told;
  const time = at > 0 ? soon(new Date(at).toISOString()) : "";
  if (time !== "" && reason === "quiet-hours") {
    const words = { title: SMS_ENDS.quiet.title(name), text: SMS_ENDS.quiet.text(time) };
    return { ...words, state: "quiet-hours", label: SEND.quiet(time), icon: "moon" };
  }
  if (time !== "" && reason === "rate-limited") {
    const words = { title: SMS_ENDS.limited.title, text: SMS_ENDS.limited.text(time) };
    return { ...words, state: "rate-limited", label: SEND.limited(time), icon: "clock" };
  }
  const { title } = SMS_ENDS.unavailable;
  const wait = time === "" ? "" : ` ${ENDS.notBefore(time)}`;
  const text = SMS_ENDS.unavailable.text + wait;
  return { title, text, state: "failed", label: BUTTON.failed, icon: "again" };
}

/** No answer, or none that says what became of it.
 * @param {Outcome} outcome @param {string} name @returns {View} */
function openView(outcome, name) {
  const view = unansweredView(outcome, (title) => SENT.problem(name, title), SMS_ENDS.forbidden);
  const isOpen = outcome.sent && outcome.kind !== "signed-out" && outcome.kind !== "forbidden";
  if (!isOpen || view.card === null) return { ...view, locks: false };
  return { ...view, locks: true, card: { ...view.card, actions: ["give-up"] } };
}
