// @ts-check
/**
 * What a button of any kind shows for an outcome: the parts that all of them share.
 *
 * @module
 */

import { BUTTON, ENDS } from "../strings.js";
import { timeOfDay } from "../when.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */

/**
 * What a card offers; each button knows what to do about those that it shows.
 *
 * @typedef {"again"|"start-over"|"use-mine"|"keep-theirs"|"close"
 *   |"confirm"|"keep"|"wait"|"cancel"|"give-up"
 *   |"ask-provider"|"mark-sent"|"send-again"|"really-send-again"|"keep-unknown"
 *   |"drop"|"choose"|"move"|"go-on"|"leave"|"without-them"|"select-them"} Action
 */

/**
 * @typedef {object} Card
 * @property {string} title
 * @property {string} text
 * @property {{term: string, values: string[]}[]} facts
 * @property {Action[]} actions
 * @property {Node} [extra] more than words: a form, a list; between text and choices
 * @property {Partial<Record<Action, string>>} [words] what a choice is called here
 */

/**
 * @typedef {"plain"|"busy"|"paused"|"ok"|"warn"|"err"} Tone
 */

/**
 * @typedef {object} View
 * @property {string} state becomes data-state
 * @property {string} label
 * @property {Tone} tone
 * @property {string} icon
 * @property {"send"|"card"|"dismiss"|"nothing"} press what pressing the button does
 * @property {"status"|"alert"} level
 * @property {string} say announced once; "" for nothing
 * @property {Card|null} card
 */

/** The look of a button that has nothing to report.
 * @typedef {Pick<View, "state"|"label"|"tone"|"icon">} Look */

/** @returns {View} */
export function plainView() {
  return {
    state: "idle",
    label: "",
    tone: "plain",
    icon: "",
    press: "send",
    level: "alert",
    say: "",
    card: null,
  };
}

/** @param {Partial<View>} shown @returns {View} a success */
export function okView(shown) {
  return {
    ...plainView(),
    tone: "ok",
    icon: "check",
    press: "nothing",
    level: "status",
    ...shown,
  };
}

/**
 * For an outcome that leaves open what became of the request.
 *
 * @param {Outcome} outcome
 * @param {(title: string) => string} said how the button's thing is named aloud
 * @param {{title: string, text: string}} forbidden
 * @returns {View}
 */
export function unansweredView(outcome, said, forbidden) {
  const { state, label, icon, end } = unanswered(outcome, forbidden);
  const wait = outcome.retryAt > 0 ? ` ${ENDS.notBefore(timeOfDay(outcome.retryAt))}` : "";
  return {
    ...plainView(),
    state,
    label,
    tone: "err",
    icon,
    say: said(end.title),
    card: { title: end.title, text: end.text + wait, facts: [], actions: [] },
  };
}

/** @param {Outcome} outcome @param {{title: string, text: string}} forbidden */
function unanswered({ kind, sent }, forbidden) {
  switch (kind) {
    case "offline": {
      const end = sent ? ENDS.offlineSent : ENDS.offline;
      return { state: "offline", label: BUTTON.offline, icon: "offline", end };
    }
    case "unreachable":
      return { state: "unreachable", label: BUTTON.unreachable, icon: "plug", end: ENDS.unreachable };
    case "signed-out":
      return { state: "signed-out", label: BUTTON.signedOut, icon: "lock", end: ENDS.signedOut };
    case "forbidden":
      return { state: "forbidden", label: BUTTON.forbidden, icon: "lock", end: forbidden };
    default:
      return { state: "failed", label: BUTTON.failed, icon: "again", end: ENDS.failed };
  }
}
