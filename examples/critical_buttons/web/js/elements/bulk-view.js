// @ts-check
/**
 * What the button of many leads shows for each end of a run: no waiting, no state.
 *
 * @module
 */

import { guiltyList } from "../status/bulk-results.js";
import { PART, partsOf, settledRows } from "../status/bulk-plan.js";
import { BULK, BULK_ENDS, BUTTON, ENDS, SAID } from "../strings.js";
import { okView, plainView, unansweredView } from "./outcome-view.js";
import { statusName } from "./status-view.js";

/** @typedef {import("../status/bulk-plan.js").Plan} Plan */
/** @typedef {import("../status/bulk-run.js").Ended} Ended */
/** @typedef {import("./outcome-view.js").Action} Action */
/** @typedef {import("./outcome-view.js").View} View */

/** @param {Plan} plan @returns {View} */
export function confirmingView(plan) {
  const { rows, to, mode } = plan;
  const words = [BULK.confirmText(mode, partsOf(plan), PART)];
  if (to === "do_not_contact") words.push(BULK.doNotContact);
  return {
    ...plainView(),
    state: "confirming",
    label: BULK.confirming,
    icon: "question",
    press: "nothing",
    card: {
      title: BULK.confirm(rows.length, statusName(to)),
      text: words.join(" "),
      facts: [],
      actions: ["move", "keep"],
    },
  };
}

/** @param {Ended} ended @param {(id: string) => string} nameOf @returns {View|null} */
export function viewOf(ended, nameOf) {
  switch (ended.kind) {
    case "done":
      return ended.plan.refused.length > 0 ? someView(ended, nameOf) : allView(ended);
    case "failed-part":
      return noneView(ended.plan, nameOf);
    case "stopped":
      return stoppedView(ended.plan, ended.late);
    case "cancelled":
      return cancelledView(ended.plan);
    case "refused":
      return refusedView(ended);
    default:
      return openView(ended);
  }
}

/** For a plan of an earlier page that was not finished. @param {Plan} plan @returns {View} */
export function interruptedView(plan) {
  const view = stoppedView(plan);
  const title = BULK_ENDS.interruptedTitle;
  const card = view.card && { ...view.card, title };
  return { ...view, state: "unanswered", label: BULK_ENDS.interrupted, say: "", card };
}

/** @param {Plan} plan */
function tallyOf({ changed, unchanged, refused }) {
  return { changed, unchanged, refused: refused.length };
}

/** @param {Ended} ended */
function summaryOf({ plan, late }) {
  const summary = BULK_ENDS.summary(tallyOf(plan));
  return late ? BULK_ENDS.late(summary) : summary;
}

/** @param {Ended} ended @returns {View} */
function allView(ended) {
  const { plan } = ended;
  const summary = summaryOf(ended);
  if (plan.replayed && !ended.late) {
    return okView({ state: "replayed", label: BULK_ENDS.replayed, say: SAID.replayed });
  }
  if (plan.changed === 0) {
    return okView({ state: "unchanged", label: BULK_ENDS.already, say: `${summary}.` });
  }
  return okView({ state: "done", label: BULK_ENDS.moved(plan.changed), say: `${summary}.` });
}

/** @param {Ended} ended @param {(id: string) => string} nameOf @returns {View} */
function someView(ended, nameOf) {
  const { plan } = ended;
  const summary = summaryOf(ended);
  return {
    ...plainView(),
    state: "partial",
    label: BULK_ENDS.some(plan.changed, plan.refused.length),
    tone: "warn",
    icon: "alert",
    press: "card",
    say: `${summary}.`,
    card: {
      title: summary,
      text: BULK_ENDS.partialText,
      facts: [],
      actions: ["select-them", "close"],
      extra: guiltyList(plan.refused, nameOf),
    },
  };
}

/** One atomic part was not changed. @param {Plan} plan @param {(id: string) => string} nameOf
 * @returns {View} */
function noneView(plan, nameOf) {
  const parts = partsOf(plan);
  const before = settledRows(plan, plan.next - 1);
  const total = plan.rows.length - before;
  const left = total - plan.refused.length;
  const title =
    parts === 1
      ? BULK_ENDS.none(plan.refused.length, total)
      : BULK_ENDS.partNone(plan.next, parts, before);
  return {
    ...plainView(),
    state: "refused",
    label: BUTTON.refused,
    tone: "err",
    icon: "cross",
    press: "card",
    say: title,
    card: {
      title,
      text: BULK_ENDS.noneText(left),
      facts: [],
      actions: [...(left > 0 ? /** @type {const} */ (["without-them"]) : []), "select-them", "close"],
      words: { "without-them": BULK_ENDS.withoutThem(left) },
      extra: guiltyList(plan.refused, nameOf),
    },
  };
}

/** Its key is spent: whoever still wants it presses anew, and it is another move.
 * @param {Plan} plan @returns {View} */
function cancelledView(plan) {
  const done = settledRows(plan);
  const text =
    done === 0 ? BULK_ENDS.cancelledText : BULK_ENDS.cancelledRest(done, plan.rows.length);
  return {
    ...plainView(),
    state: "cancelled",
    label: BULK_ENDS.cancelled,
    tone: "warn",
    icon: "cross",
    level: "status",
    say: `${BULK_ENDS.cancelledTitle} ${text}`,
    card: { title: BULK_ENDS.cancelledTitle, text, facts: [], actions: ["close"] },
  };
}

/** @param {Plan} plan @param {boolean} [late] @returns {View} */
function stoppedView(plan, late = false) {
  const so = BULK_ENDS.soFar(settledRows(plan), plan.rows.length);
  const title = late ? BULK_ENDS.stoppedLate : BULK_ENDS.stoppedTitle;
  return {
    ...plainView(),
    state: "stopped",
    label: BULK_ENDS.stopped,
    tone: "warn",
    icon: "question",
    level: "status",
    say: `${title} ${so}`,
    card: {
      title,
      text: `${so} ${BULK_ENDS.sameRequest}`,
      facts: [],
      actions: ["go-on", "leave"],
    },
  };
}

/** The server has not taken a part at all. @param {Ended} ended @returns {View} */
function refusedView({ plan, outcome }) {
  const { title, text } = notTaken(outcome?.reason ?? "", outcome?.body);
  const so = partsOf(plan) > 1 ? ` ${BULK_ENDS.soFar(settledRows(plan), plan.rows.length)}` : "";
  return {
    ...plainView(),
    state: "not-accepted",
    label: BUTTON.notAccepted,
    tone: "err",
    icon: "cross",
    press: "card",
    say: BULK_ENDS.problem(plan.rows.length, title),
    card: { title, text: text + so, facts: [], actions: ["close"] },
  };
}

/** @param {string} reason @param {any} problem */
function notTaken(reason, problem) {
  const codes = (problem?.errors ?? []).map((/** @type {any} */ each) => each.code);
  if (reason === "batch-too-large") return BULK_ENDS.tooLarge;
  if (codes.includes("duplicate_lead")) return BULK_ENDS.duplicates;
  const detail = typeof problem?.detail === "string" ? `${problem.detail} ` : "";
  return { title: ENDS.notAccepted.title, text: `${detail}${ENDS.notAccepted.text}` };
}

/** No answer, or none that says what became of a part: it can be gone on with.
 * @param {Ended} ended @returns {View|null} */
function openView({ plan, outcome }) {
  if (outcome === null || outcome.kind === "cancelled") return null;
  const said = (/** @type {string} */ title) => BULK_ENDS.problem(plan.rows.length, title);
  const so = partsOf(plan) > 1 ? ` ${BULK_ENDS.soFar(settledRows(plan), plan.rows.length)}` : "";
  /** @type {Action[]} */
  const actions = ["leave"];
  if (outcome.kind === "parked") {
    const old = outcome.reason === "key-expired";
    const { title, text } = old ? BULK_ENDS.tooOld : BULK_ENDS.unknown;
    return {
      ...plainView(),
      state: old ? "too-old" : "unknown",
      label: old ? BUTTON.tooOld : BUTTON.unknown,
      tone: "warn",
      icon: old ? "clock" : "question",
      press: "card",
      say: said(title),
      card: { title, text: text + so, facts: [], actions: old ? actions : ["go-on", ...actions] },
    };
  }
  const view = unansweredView(outcome, said, BULK_ENDS.forbidden);
  return { ...view, card: view.card && { ...view.card, text: view.card.text + so, actions } };
}

/** What the button is called when it rests. @param {number} count @param {string} to */
export function verbOf(count, to) {
  return count === 0 ? BULK.nobody : BULK.what(count, to === "" ? "" : statusName(to));
}
