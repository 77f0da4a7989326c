// @ts-check
/**
 * What the status button shows for each outcome: a pure table, no DOM, no waiting.
 *
 * @module
 */

import { BUTTON, CARD, ENDS, LEAD_STATUS, MOVE, MOVE_ENDS, MOVED, SAID } from "../strings.js";
import { soon } from "../when.js";
import { okView, plainView, unansweredView } from "./outcome-view.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("../sms/leads.js").Lead} Lead */
/** @typedef {import("../status/service.js").Wish} Wish */
/** @typedef {import("./outcome-view.js").Card} Card */

/** @typedef {import("./outcome-view.js").View & {about: number, keeps: boolean}} View
 * `about`: version of the lead that this speaks of; `keeps`: it stays when the lead
 * changes, since something is still wished or not known */

/** @param {string} status */
export function statusName(status) {
  return LEAD_STATUS[status] ?? status;
}

/**
 * @param {Outcome} outcome
 * @param {Wish} wish
 * @param {Lead} lead as it is known now
 * @param {string|null} seen its status at the version of the wish; null: not known
 * @returns {View|null} null: nothing to say, back to rest
 */
export function viewOf(outcome, wish, lead, seen) {
  switch (outcome.kind) {
    case "done":
      return doneView(outcome, wish, lead);
    case "conflict":
      return conflictView(outcome, wish, lead, seen);
    case "refused":
      return refusedView(outcome, wish, lead);
    case "parked":
      return parkedView(outcome, lead);
    case "cancelled":
      return null;
    default:
      return openView(outcome, lead);
  }
}

/** The form is open. @param {Lead} lead @param {Node} form @param {Partial<Card>} [words]
 * @returns {View} */
export function choosingView(lead, form, words = {}) {
  return {
    ...base(lead),
    state: "confirming",
    label: MOVE.choosing,
    press: "dismiss",
    keeps: true,
    card: {
      title: words.title ?? `${lead.name}: ${MOVE.label.toLowerCase()}`,
      text: words.text ?? "",
      facts: [],
      actions: [],
      extra: form,
    },
  };
}

/** For a request that left before the page was loaded, and was never answered.
 * @param {Lead} lead @returns {View} */
export function staleView(lead) {
  return {
    ...base(lead),
    state: "unanswered",
    label: BUTTON.unanswered,
    tone: "warn",
    icon: "question",
    keeps: true,
    card: { ...ENDS.unanswered, facts: [], actions: ["again", "give-up"] },
  };
}

/** @param {Lead} lead @returns {View} */
function base(lead) {
  return { ...plainView(), about: lead.version, keeps: false };
}

/** @param {Outcome} outcome @param {Wish} wish @param {Lead} lead @returns {View} */
function doneView(outcome, { to }, { name }) {
  const status = statusName(to);
  const shown = { ...okView({}), about: Number.POSITIVE_INFINITY, keeps: false };
  if (outcome.replayed || outcome.reason === "outcome-gone") {
    return { ...shown, state: "replayed", label: MOVE.already(status), say: SAID.replayed };
  }
  if (outcome.body?.changed === false) return unchangedView(shown, status, name);
  return { ...shown, state: "done", label: MOVE.done(status), say: MOVED.done(name, status) };
}

/** @param {View} shown @param {string} status @param {string} name @returns {View} */
function unchangedView(shown, status, name) {
  const say = MOVED.unchanged(name, status);
  return { ...shown, state: "unchanged", label: MOVE.already(status), say };
}

/** @param {Outcome} outcome @param {Wish} wish @param {Lead} lead
 * @param {string|null} seen @returns {View} */
function conflictView(outcome, { to, version }, lead, seen) {
  const current = outcome.body?.current;
  if (current?.status === to) {
    // They did what we wanted: there is nothing to decide.
    const shown = { ...okView({}), about: Number.POSITIVE_INFINITY, keeps: false };
    return unchangedView(shown, statusName(to), lead.name);
  }
  const mine = MOVE_ENDS.yours(statusName(to), seen === null ? "" : statusName(seen), version);
  const theirs = current
    ? [
        CARD.theirVersion(statusName(current.status), current.version),
        CARD.changedBy(current.by, soon(current.at)),
      ]
    : [];
  return {
    ...base(lead),
    state: "conflict",
    label: BUTTON.conflict,
    tone: "warn",
    icon: "split",
    press: "card",
    say: MOVED.problem(lead.name, MOVE_ENDS.conflict.title),
    about: current?.version ?? lead.version,
    keeps: true,
    card: {
      ...MOVE_ENDS.conflict,
      facts: [
        { term: CARD.yours, values: [mine] },
        { term: CARD.theirs, values: theirs },
      ],
      actions: current ? ["use-mine", "keep-theirs"] : ["keep-theirs"],
    },
  };
}

/** @param {Outcome} outcome @param {Wish} wish @param {Lead} lead @returns {View} */
function refusedView(outcome, wish, lead) {
  const refused = refusal(outcome.reason, outcome.body ?? {}, wish, lead);
  const { title, text, facts = [], label = BUTTON.refused, actions = ["close"] } = refused;
  return {
    ...base(lead),
    state: label === BUTTON.refused ? "refused" : "not-accepted",
    label,
    tone: "err",
    icon: "cross",
    press: "card",
    say: MOVED.problem(lead.name, title),
    card: { title, text, facts, actions },
  };
}

/** @typedef {Pick<Card, "title"|"text"> & Partial<Card> & {label?: string}} Refused */

/** @param {string} reason @param {any} problem @param {Wish} wish @param {Lead} lead
 * @returns {Refused} */
function refusal(reason, problem, { to }, lead) {
  switch (reason) {
    case "transition-not-allowed": {
      const from = statusName(problem.from ?? lead.status);
      /** @type {string[]} */
      const allowed = problem.allowed ?? [];
      return {
        title: MOVE_ENDS.transition.title(from, statusName(to)),
        text: MOVE_ENDS.transition.text,
        facts: [{ term: CARD.next, values: steps(allowed, problem.from) }],
        actions: allowed.length > 0 ? ["choose", "close"] : ["close"],
      };
    }
    case "reason-required":
      return { ...MOVE_ENDS.reason, actions: ["choose", "close"] };
    case "lead-not-found":
      return MOVE_ENDS.notFound;
    case "key-reused":
      return { ...ENDS.keyReused, label: BUTTON.notAccepted, actions: ["start-over"] };
    default: {
      const detail = typeof problem.detail === "string" ? `${problem.detail} ` : "";
      const { title, text } = ENDS.notAccepted;
      return { title, text: `${detail}${text}`, label: BUTTON.notAccepted };
    }
  }
}

/** @param {string[]} allowed @param {string} from */
function steps(allowed, from) {
  if (allowed.length > 0) return [allowed.map(statusName).join(", ")];
  return [from === "do_not_contact" ? MOVE_ENDS.noConsent : MOVE_ENDS.noNext];
}

/** @param {Outcome} outcome @param {Lead} lead @returns {View} */
function parkedView(outcome, lead) {
  const old = outcome.reason === "key-expired";
  const { title, text } = old ? MOVE_ENDS.tooOld : MOVE_ENDS.unknown;
  return {
    ...base(lead),
    state: old ? "too-old" : "unknown",
    label: old ? BUTTON.tooOld : BUTTON.unknown,
    tone: "warn",
    icon: old ? "clock" : "question",
    press: "card",
    say: MOVED.problem(lead.name, title),
    keeps: true,
    card: { title, text, facts: [], actions: [old ? "start-over" : "again", "close"] },
  };
}

/** No answer, or none that says what became of it: the wish is kept.
 * @param {Outcome} outcome @param {Lead} lead @returns {View} */
function openView(outcome, lead) {
  const said = (/** @type {string} */ title) => MOVED.problem(lead.name, title);
  const view = unansweredView(outcome, said, MOVE_ENDS.forbidden);
  const closed = outcome.kind === "signed-out" || outcome.kind === "forbidden";
  /** @type {Card["actions"]} */
  const actions = [outcome.sent && !closed ? "give-up" : "drop"];
  const card = view.card && { ...view.card, actions };
  return { ...view, about: lead.version, keeps: true, card };
}
