// @ts-check
/** The texts about moving leads through the pipeline. */

import { LEAD_STATUS } from "./strings-sms.js";

/** @param {number} count */
const leads = (count) => `${count} ${count === 1 ? "lead" : "leads"}`;

export const STATUS_FORM = Object.freeze({
  to: "Move to",
  choose: "Choose…",
  reason: "Reason",
  reasonHint: "Needed for this step",
  noTarget: "Choose a status first.",
  noReason: "Say why: this step needs a reason.",
  move: "Move",
  keep: "Keep",
  /** @param {string} name */
  title: (name) => `Where should ${name} go?`,
  /** @param {string} status */
  text: (status) => `Now: ${status}. Only what can follow is offered.`,
});

/** What the button of one lead can say besides what all buttons say. */
export const MOVE = Object.freeze({
  label: "Change status",
  /** @param {string} name */
  of: (name) => ` of ${name}`,
  choosing: "Choose below",
  final: "Final",
  waits: "Waits for START",
  /** @param {string} status */
  done: (status) => `Now ${status.toLowerCase()}`,
  /** @param {string} status */
  already: (status) => `Already ${status.toLowerCase()}`,
});

/** What is announced about one lead. */
export const MOVED = Object.freeze({
  /** @param {string} name @param {string} status */
  sending: (name, status) => `Moving ${name} to ${status.toLowerCase()}.`,
  /** @param {string} name @param {string} status */
  done: (name, status) => `${name} is now ${status.toLowerCase()}.`,
  /** @param {string} name @param {string} status */
  unchanged: (name, status) => `${name} was already ${status.toLowerCase()}. Nothing was changed.`,
  /** @param {string} name @param {string} title */
  problem: (name, title) => `${name}: ${title}`,
});

/** Title and text of each way a change can end without having been made. */
export const MOVE_ENDS = Object.freeze({
  unknown: {
    title: "It may have been changed; the server cannot tell.",
    text: "Look at the lead's history before you do anything else. Asking again is safe: it is the same request.",
  },
  tooOld: {
    title: "This press is too old to tell whether it was carried out.",
    text: "Look at the lead's status. If it is not what you wanted, start over.",
  },
  conflict: {
    title: "Somebody changed this lead first.",
    text: "Yours was not applied. Decide what should hold.",
  },
  /** @param {string} to @param {string} from "" if it is not known @param {number} version */
  yours: (to, from, version) =>
    from === ""
      ? `${to}. You saw version ${version}.`
      : `${to}. You saw it ${from.toLowerCase()} (v${version}).`,
  transition: {
    /** @param {string} from @param {string} to */
    title: (from, to) => `${from} cannot become ${to.toLowerCase()}.`,
    text: "Nothing was changed.",
  },
  reason: {
    title: "This step needs a reason.",
    text: "Nothing was changed. Say why, then move it.",
  },
  notFound: {
    title: "This lead does not exist any more.",
    text: "Nothing was changed. Reload the list.",
  },
  forbidden: {
    title: "You may not change this lead.",
    text: "Nothing was changed.",
  },
  noNext: "Nothing: this status is final.",
  noConsent: "Nothing, until they write START.",
});

export const BULK = Object.freeze({
  region: "Selected leads",
  select: "Select",
  /** @param {string} name */
  selectOne: (name) => `Select ${name}`,
  selectShown: "Select all shown",
  /** @param {number} count */
  selected: (count) => `${count} selected`,
  /** @param {number} count */
  selectAll: (count) => `Select all ${count}`,
  clear: "Clear",
  mode: "If one can't go",
  modes: { atomic: "Move none", partial: "Move the rest" },
  verb: "Move",
  nobody: " leads",
  /** @param {number} count @param {string} to */
  what: (count, to) => ` ${leads(count)}${to === "" ? "" : ` to ${to.toLowerCase()}`}`,
  /** @param {number} able @param {number} count */
  able: (able, count) =>
    able === count ? "" : `${able} of ${count} can be moved there, as far as this page knows.`,
  /** @param {number} done @param {number} total */
  updating: (done, total) => `Updating ${done}/${total}`,
  /** @param {number} done @param {number} total */
  progress: (done, total) => `${done} of ${total} leads updated`,
  progressName: "Progress of the move",
  confirming: "Sure?",
  /** @param {number} count @param {string} to */
  confirm: (count, to) => `Move ${leads(count)} to ${to.toLowerCase()}?`,
  /** @param {string} mode @param {number} parts @param {number} size */
  confirmText: (mode, parts, size) => {
    const rule =
      mode === "atomic"
        ? "If one of them cannot be moved, none is."
        : "Those that cannot be moved are left as they are, and named.";
    if (parts === 1) return rule;
    const each = mode === "atomic" ? "each part is all or none by itself" : "each by itself";
    return `They go in ${parts} parts of at most ${size}, ${each}. ${mode === "atomic" ? "A part that fails ends the move; earlier parts stay moved." : rule}`;
  },
  doNotContact: "They will get no more messages.",
  notDurable: "This browser keeps nothing: stay on this page until the move is done.",
  busy: "This page is at another move. Finish it first.",
  stop: "Stop after this part",
  stopping: "Stopping after this part…",
  cancel: "Cancel the move",
  cancelling: "Cancelling…",
  cancelSaid: "Cancelling the move.",
  cancelUnheard: "The server could not be asked to cancel. The part on its way may still be moved.",
  cancelAgain: "Cancel again",
});

/** What the button of many leads shows and says when it has ended. */
export const BULK_ENDS = Object.freeze({
  /** @param {number} count */
  moved: (count) => `Moved ${count}`,
  already: "Already so",
  replayed: "Already moved",
  /** @param {number} count @param {string} to */
  sending: (count, to) => `Moving ${leads(count)} to ${to.toLowerCase()}.`,
  /** @param {{changed: number, unchanged: number, refused: number}} tally */
  summary: ({ changed, unchanged, refused }) =>
    [
      `${changed} changed`,
      unchanged > 0 && `${unchanged} already so`,
      refused > 0 && `${refused} not possible`,
    ]
      .filter(Boolean)
      .join(", "),
  /** @param {number} changed @param {number} refused */
  some: (changed, refused) => `${changed} moved, ${refused} not`,
  partialText: "What cannot be moved was left as it is.",
  /** @param {number} refused @param {number} total */
  none: (refused, total) => `Nothing was changed: ${refused} of ${total} cannot be moved.`,
  /** @param {number} part @param {number} parts @param {number} done */
  partNone: (part, parts, done) =>
    `Part ${part} of ${parts} was not changed; ${leads(done)} of the parts before it were.`,
  /** @param {number} left */
  noneText: (left) => (left > 0 ? `The other ${left} could be moved without them.` : ""),
  /** @param {number} count */
  show: (count) => `Show the ${count}`,
  /** @param {number} count */
  more: (count) => `and ${count} more`,
  /** @param {number} count */
  withoutThem: (count) => `Move the other ${count}`,
  selectThem: "Select only these",
  goOn: "Go on",
  leave: "Leave it there",
  stopped: "Stopped - Go on",
  stoppedTitle: "The move was stopped between two parts.",
  stoppedLate: "Too late for the part on its way; the move was stopped after it.",
  /** @param {string} summary */
  late: (summary) => `Too late to cancel: ${summary}`,
  cancelled: "Cancelled",
  cancelledTitle: "The move was cancelled.",
  cancelledText: "Nothing was changed.",
  /** @param {number} done @param {number} total */
  cancelledRest: (done, total) =>
    `${done} of ${total} leads were settled before; the other ${total - done} were not changed.`,
  interrupted: "Interrupted - Go on",
  interruptedTitle: "The page was closed before all of the move was answered.",
  /** @param {number} done @param {number} total */
  soFar: (done, total) => `${done} of ${total} leads are settled.`,
  sameRequest: "What is sent again is the same request; nothing is done twice.",
  asking: "The page was closed during a move. Going on with it, with the same keys.",
  unknown: {
    title: "Part of the move may have happened; the server cannot tell.",
    text: "Asking again is safe: it is the same request.",
  },
  tooOld: {
    title: "This move is too old to tell what became of all of it.",
    text: "Look at the list and select anew what is left.",
  },
  tooLarge: {
    title: "The server takes fewer leads at once.",
    text: "Nothing of this part was changed.",
  },
  duplicates: {
    title: "A lead was named twice.",
    text: "Nothing of this part was changed.",
  },
  forbidden: {
    title: "You may not move these leads.",
    text: "Nothing of this part was changed.",
  },
  /** @param {number} count @param {string} title */
  problem: (count, title) => `Moving ${leads(count)}: ${title}`,
  why: {
    noConsent: "Has not written START.",
    /** @param {string} from @param {string} allowed */
    transition: (from, allowed) =>
      allowed === "" ? `${from} is final.` : `${from}: can only become ${allowed}.`,
    /** @param {string} status @param {string} who @param {string} time */
    conflict: (status, who, time) => `Changed by ${who}, ${time}: now ${status.toLowerCase()}.`,
    conflictUnknown: "Changed meanwhile.",
    reason: "Needs a reason.",
    notFound: "Does not exist any more.",
    other: "Not accepted.",
  },
});

/** What is shown of moves in other tabs and by others. */
export const MOVES = Object.freeze({
  region: "Moves elsewhere",
  tab: "Another tab",
  goOn: "Go on here",
  /** @param {string} who @param {number} done @param {number} total @param {string|null} to */
  running: (who, done, total, to) =>
    `${who}: moving ${leads(total)}${to === null ? "" : ` to ${(LEAD_STATUS[to] ?? to).toLowerCase()}`}, ${done} of ${total}`,
  /** @param {number} done @param {number} total */
  value: (done, total) => `${done} of ${total} leads`,
  /** @param {string} who @param {{changed: number, unchanged: number, refused: number}} tally */
  done: (who, tally) => `${who}: ${BULK_ENDS.summary(tally)}.`,
  /** @param {string} who @param {number} done @param {number} total */
  failed: (who, done, total) => `${who}: not all can be moved; ${done} of ${leads(total)} were.`,
  /** @param {string} who @param {number} done @param {number} total */
  toldDone: (who, done, total) => `${who}: ${done} of ${leads(total)} are as wished.`,
  /** @param {string} who @param {number} done @param {number} total */
  cancelled: (who, done, total) => `${who}: cancelled, ${done} of ${leads(total)} were settled.`,
  /** @param {string} who @param {number} total */
  undone: (who, total) => `${who}: none of ${leads(total)} was changed.`,
  /** @param {string} who @param {number} done @param {number} total */
  ended: (who, done, total) => `${who}: stopped, ${done} of ${leads(total)} are settled.`,
  /** @param {string} who @param {number} total */
  silent: (who, total) => `${who}: no more is heard of moving ${leads(total)}. The list shows what holds.`,
  /** @param {number} done @param {number} total */
  left: (done, total) => `The tab that moved ${leads(total)} is gone: ${done} are settled.`,
});

export const TRAIL = Object.freeze({
  /** @param {string} name */
  open: (name) => `History of ${name}`,
  /** @param {string} name */
  title: (name) => `History of ${name}`,
  close: "Close",
  loading: "Loading…",
  failed: "The history could not be loaded.",
  again: "Try again",
  empty: "Nothing has happened to this lead yet.",
  sources: Object.freeze(
    /** @type {Record<string, string>} */ ({
      bulk: "with others",
      offline_replay: "sent later",
      webhook: "by SMS",
      system: "by the system",
    }),
  ),
  /** @param {string} who */
  by: (who) => `by ${who}`,
  /** @param {number} from @param {number} to */
  versions: (from, to) => `v${from} → v${to}`,
  actions: Object.freeze(
    /** @type {Record<string, string>} */ ({ "sms.send": "SMS", "consent.change": "SMS consent" }),
  ),
});

export const EXPORT = Object.freeze({
  link: "CSV",
  name: "Export CSV",
  failed: "The leads could not be exported. Try again.",
});
