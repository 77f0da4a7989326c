// @ts-check
/** The small card under a button: what happened, why, and what can be done. */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { CARD } from "../strings.js";

/** @typedef {import("./outcome-view.js").Action} Action */
/** @typedef {import("./outcome-view.js").View} View */

/** @typedef {import("./outcome-view.js").Card} Card */

/** @type {Record<Action, string>} */
const WORDS = {
  again: CARD.check,
  "start-over": CARD.startOver,
  "use-mine": CARD.useMine,
  "keep-theirs": CARD.keepTheirs,
  close: CARD.close,
  confirm: CARD.send,
  keep: CARD.keep,
  wait: CARD.wait,
  cancel: CARD.cancel,
  "give-up": CARD.giveUp,
  "ask-provider": CARD.askProvider,
  "mark-sent": CARD.markSent,
  "send-again": CARD.sendAgain,
  "really-send-again": CARD.reallySendAgain,
  "keep-unknown": CARD.keep,
  drop: CARD.drop,
  choose: CARD.choose,
  move: CARD.move,
  "go-on": CARD.goOn,
  leave: CARD.leave,
  "without-them": CARD.withoutThem,
  "select-them": CARD.selectThem,
};

/** To give up is never what is proposed. */
const QUIET = new Set(["drop", "give-up", "leave"]);

let titles = 0;

/**
 * @param {View & {card: Card}} view
 * @param {(action: Action) => void} onAction
 * @returns {HTMLElement}
 */
export function cardOf({ card, tone, icon: name }, onAction) {
  const id = `outcome-title-${(titles += 1)}`;
  const { title, text, facts, actions, extra, words: names = {} } = card;
  const choices = actions.filter((action) => action !== "close");
  const words = el("div", { class: "outcome-words" });
  words.append(el("p", { class: "outcome-title", id }, title));
  if (text !== "") words.append(el("p", {}, text));
  if (facts.length > 0) words.append(list(facts));
  if (extra) words.append(extra);
  if (choices.length > 0) words.append(buttons(choices, names, onAction));
  const mark = name !== "" && el("span", { class: "outcome-icon" }, icon(name));
  const attributes = { class: `outcome tone-${tone}`, role: "group", tabindex: "-1", "aria-labelledby": id };
  return el("div", attributes, mark, words, actions.includes("close") && close(onAction));
}

/** @param {(action: Action) => void} onAction */
function close(onAction) {
  const attributes = { type: "button", class: "close", "aria-label": CARD.close };
  const button = el("button", attributes, icon("cross"));
  button.addEventListener("click", () => onAction("close"));
  return button;
}

/** @param {{term: string, values: string[]}[]} facts */
function list(facts) {
  const terms = facts.map(({ term, values }) =>
    el("div", {}, el("dt", {}, term), ...values.map((value) => el("dd", {}, value))),
  );
  return el("dl", {}, ...terms);
}

/**
 * @param {Action[]} actions
 * @param {Partial<Record<Action, string>>} names
 * @param {(action: Action) => void} onAction
 */
function buttons(actions, names, onAction) {
  const row = el("div", { class: "outcome-actions" });
  actions.forEach((action, index) => {
    const button = el("button", { type: "button", class: index === 0 && !QUIET.has(action) ? "small main" : "small" });
    button.append(names[action] ?? WORDS[action]);
    button.addEventListener("click", () => onAction(action));
    row.append(button);
  });
  return row;
}
