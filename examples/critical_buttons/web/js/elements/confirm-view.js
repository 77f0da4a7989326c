// @ts-check
/**
 * What the button shows for each outcome: a pure table, no DOM, no waiting.
 *
 * @module
 */

import { BUTTON, CARD, ENDS, SAID, STATUS } from "../strings.js";
import { slotTime, timeOfDay } from "../when.js";
import { okView, plainView, unansweredView } from "./outcome-view.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("../bookings.js").Booking} Booking */

/** @typedef {import("./outcome-view.js").Card} Card */

/** @typedef {import("./outcome-view.js").View & {about: number}} View
 * `about`: version of the booking that this speaks of */

/** A booking that can be confirmed, as far as the page knows. */
export const CONFIRMABLE = new Set(["requested", "held"]);

/**
 * @param {Outcome} outcome
 * @param {Booking} booking as it was when the button was pressed
 * @returns {View|null} null: nothing to say, back to idle
 */
export function viewOf(outcome, booking) {
  switch (outcome.kind) {
    case "done":
      return doneView(outcome, booking);
    case "conflict":
      return conflictView(outcome, booking);
    case "refused":
      return refusedView(outcome, booking);
    case "parked":
      return parkedView(outcome, booking);
    case "cancelled":
      return null;
    default:
      return {
        ...unansweredView(outcome, (title) => SAID.problem(booking.id, title), ENDS.forbidden),
        about: booking.version,
      };
  }
}

/**
 * For a request that left before the page was loaded, and was never answered.
 *
 * @param {Booking} booking
 * @returns {View}
 */
export function staleView(booking) {
  return {
    ...base(booking),
    state: "unanswered",
    label: BUTTON.unanswered,
    tone: "warn",
    icon: "question",
    press: "send",
    say: "",
    card: { ...ENDS.unanswered, facts: [], actions: ["again"] },
  };
}

/** @param {Booking} booking @returns {View} */
function base(booking) {
  return { ...plainView(), about: booking.version };
}

/** @param {Outcome} outcome @param {Booking} booking @returns {View} */
function doneView(outcome, booking) {
  const shown = { ...okView({}), about: Number.POSITIVE_INFINITY };
  if (outcome.replayed || outcome.reason === "outcome-gone") {
    return { ...shown, state: "replayed", label: BUTTON.already, say: SAID.replayed };
  }
  if (outcome.body?.changed === false) {
    return unchangedView(shown, booking);
  }
  return { ...shown, state: "done", label: BUTTON.done, say: SAID.done(booking.id) };
}

/** @param {View} shown @param {Booking} booking @returns {View} */
function unchangedView(shown, booking) {
  const say = SAID.unchanged(booking.id);
  return { ...shown, state: "unchanged", label: BUTTON.already, say };
}

/** @param {Outcome} outcome @param {Booking} booking @returns {View} */
function conflictView(outcome, booking) {
  const current = outcome.body?.current;
  if (current?.status === "confirmed") {
    // They did what we wanted: there is nothing to decide.
    return unchangedView(doneView(outcome, booking), booking);
  }
  const theirs = current
    ? [
        CARD.theirVersion(nameOf(current.status), current.version),
        CARD.changedBy(current.by, timeOfDay(current.at)),
      ]
    : [];
  return {
    ...base(booking),
    state: "conflict",
    label: BUTTON.conflict,
    tone: "warn",
    icon: "split",
    press: "card",
    say: SAID.problem(booking.id, ENDS.conflict.title),
    about: current?.version ?? booking.version,
    card: {
      ...ENDS.conflict,
      facts: [
        { term: CARD.yours, values: [CARD.yourVersion(nameOf(booking.status), booking.version)] },
        { term: CARD.theirs, values: theirs },
      ],
      actions: current ? ["use-mine", "keep-theirs"] : ["keep-theirs"],
    },
  };
}

/** @param {Outcome} outcome @param {Booking} booking @returns {View} */
function refusedView(outcome, booking) {
  const refused = refusal(outcome.reason, outcome.body ?? {}, booking);
  const { title, text, facts = [], label = BUTTON.refused, actions = ["close"] } = refused;
  return {
    ...base(booking),
    state: label === BUTTON.refused ? "refused" : "not-accepted",
    label,
    tone: "err",
    icon: "cross",
    press: "card",
    say: SAID.problem(booking.id, title),
    card: { title, text, facts, actions },
  };
}

/**
 * @typedef {Pick<Card, "title"|"text"> & Partial<Card> & {label?: string}} Refused
 */

/** @param {string} reason @param {any} problem @param {Booking} booking @returns {Refused} */
function refusal(reason, problem, booking) {
  switch (reason) {
    case "transition-not-allowed":
      return {
        title: ENDS.transition.title(nameOf(problem.from ?? booking.status)),
        text: ENDS.transition.text,
        facts: [{ term: CARD.next, values: steps(problem.allowed) }],
      };
    case "hold-expired":
      return ENDS.holdExpired;
    case "slot-taken":
      return slotTaken(problem.alternatives ?? [], booking);
    case "booking-not-found":
      return ENDS.notFound;
    case "key-reused":
      return { ...ENDS.keyReused, label: BUTTON.notAccepted, actions: ["start-over"] };
    default:
      return notAccepted(problem);
  }
}

/** @param {any[]} alternatives @param {Booking} booking @returns {Refused} */
function slotTaken(alternatives, booking) {
  const { title, text, none } = ENDS.slotTaken;
  if (alternatives.length === 0) return { title, text: none };
  const free = alternatives.map((slot) => slotTime({ time_zone: booking.time_zone, ...slot }));
  return { title, text, facts: [{ term: CARD.free(booking.resource), values: free }] };
}

/** @param {any} problem @returns {Refused} */
function notAccepted(problem) {
  const { title, text } = ENDS.notAccepted;
  const detail = typeof problem.detail === "string" ? `${problem.detail} ` : "";
  return { title, text: `${detail}${text}`, label: BUTTON.notAccepted, actions: ["start-over"] };
}

/** @param {Outcome} outcome @param {Booking} booking @returns {View} */
function parkedView(outcome, booking) {
  const old = outcome.reason === "key-expired";
  const { title, text } = old ? ENDS.tooOld : ENDS.unknown;
  return {
    ...base(booking),
    state: old ? "too-old" : "unknown",
    label: old ? BUTTON.tooOld : BUTTON.unknown,
    tone: "warn",
    icon: old ? "clock" : "question",
    press: "card",
    say: SAID.problem(booking.id, title),
    card: { title, text, facts: [], actions: [old ? "start-over" : "again", "close"] },
  };
}

/** @param {string} status */
function nameOf(status) {
  return STATUS[status] ?? status;
}

/** @param {string[]|undefined} allowed */
function steps(allowed) {
  if (!allowed || allowed.length === 0) return [CARD.nothingAllowed];
  return allowed.map((status) => CARD.allowed[status] ?? status);
}
