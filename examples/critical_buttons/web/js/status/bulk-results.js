// @ts-check
/** Which leads could not be moved, and why, each in one line. */

import { el } from "../dom.js";
import { statusName } from "../elements/status-view.js";
import { BULK_ENDS } from "../strings.js";
import { soon } from "../when.js";

/** @typedef {import("./bulk-plan.js").Refused} Refused */

/** So few are shown without being asked for. */
const FEW = 5;
/** More would be scrolled past; the count says how many there are. */
const SHOWN = 100;

/**
 * @param {Refused[]} refused
 * @param {(id: string) => string} nameOf
 * @returns {HTMLElement}
 */
export function guiltyList(refused, nameOf) {
  const lines = refused.slice(0, SHOWN).map(({ lead_id: id, problem }) =>
    el("li", { "data-lead-id": id }, el("b", {}, `${nameOf(id)}:`), ` ${why(problem)}`),
  );
  if (refused.length > SHOWN) lines.push(el("li", {}, BULK_ENDS.more(refused.length - SHOWN)));
  const list = el("ul", { class: "guilty" }, ...lines);
  if (refused.length <= FEW) return list;
  const summary = el("summary", {}, BULK_ENDS.show(refused.length));
  return el("details", { class: "guilty-box" }, summary, list);
}

/** @param {any} problem */
function why(problem) {
  const words = BULK_ENDS.why;
  switch (slugOf(problem)) {
    case "transition-not-allowed": {
      const allowed = (problem.allowed ?? []).map((/** @type {string} */ each) =>
        statusName(each).toLowerCase(),
      );
      if (allowed.length === 0 && problem.from === "do_not_contact") return words.noConsent;
      return words.transition(statusName(problem.from), allowed.join(", "));
    }
    case "version-conflict": {
      const now = problem.current;
      if (!now) return words.conflictUnknown;
      return words.conflict(statusName(now.status), now.by, soon(now.at));
    }
    case "reason-required":
      return words.reason;
    case "lead-not-found":
      return words.notFound;
    default:
      return problem?.detail ?? problem?.title ?? words.other;
  }
}

/** @param {any} problem @returns {string} */
function slugOf(problem) {
  return String(problem?.type ?? "").split("/").pop() ?? "";
}
