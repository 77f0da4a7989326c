// @ts-check
/**
 * What an answer to a critical request means: one table, no I/O.
 *
 * The problem type is looked at before the status. Status 409 alone says
 * nothing: "in progress" must be asked again, "already done" is a success,
 * "unknown" must be left for somebody to look at, and "slot taken" is a refusal.
 *
 * @module
 */

/**
 * - `done`        it happened; the answer (or the fact) is here
 * - `refused`     the server looked at it and said no; nothing happened
 * - `conflict`    somebody else changed the thing first; nothing happened
 * - `parked`      it may have happened, or is too old to tell: a person decides
 * - `signed-out`  nothing happened; sign in and press again
 * - `forbidden`   nothing happened, and this user may not do it
 * - `retry`       no answer yet; ask again with the same key
 *
 * @typedef {"done"|"refused"|"conflict"|"parked"|"signed-out"|"forbidden"|"retry"} Verdict
 */

/**
 * What {@link judge} looks at; a plain object so that it can be tested as one.
 *
 * @typedef {object} Reply
 * @property {number} status
 * @property {string} [contentType]
 * @property {any} [body] the parsed JSON, or null
 * @property {string|null} [retryAfter] the header, as it came
 */

/**
 * @typedef {object} Judgement
 * @property {Verdict} verdict
 * @property {string} reason problem type's last part, else `http-<status>`
 * @property {boolean} definite the key is spent; another wish gets another key
 * @property {boolean} resting nothing was done and nothing behind the service was
 *   asked: waiting as long as Retry-After says costs no try
 */

/** @type {ReadonlyMap<string, Verdict>} */
const BY_PROBLEM = new Map([
  ["in-progress", "retry"],
  ["lease-lost", "retry"],
  ["not-executed", "retry"],
  ["store-unavailable", "retry"],
  ["store-busy", "retry"],
  ["store-full", "retry"],
  ["disk-full", "retry"],
  ["engine-closed", "retry"],
  ["circuit-open", "retry"],
  ["call-rejected", "retry"],
  ["outcome-gone", "done"],
  ["refusal-gone", "refused"],
  ["outcome-unknown", "parked"],
  ["key-expired", "parked"],
  ["version-conflict", "conflict"],
]);

/** @type {ReadonlyMap<number, Verdict>} */
const BY_STATUS = new Map([
  [401, "signed-out"],
  [403, "forbidden"],
  [408, "retry"],
  [412, "conflict"],
  [425, "retry"],
  [429, "retry"],
]);

const RESTING = new Set(["circuit-open", "call-rejected"]);

const SPENT = new Set(["done", "refused", "conflict"]);

/**
 * Say what *reply* means for the key it was sent with.
 *
 * A success that is not JSON did not come from the service: a captive portal
 * answers everything with 200 and a login page, and believing it would call a
 * booking confirmed that never left the hotel.
 *
 * @param {Reply} reply
 * @param {Readonly<Record<string, Verdict>>} [verdicts] what the service's own problem
 *   types mean, where the status would be read wrongly: a refusal that is told as
 *   502 because somebody behind the service refused would be asked for five times
 * @returns {Judgement}
 */
export function judge(reply, verdicts = {}) {
  const problem = problemOf(reply);
  const own = problem !== null && Object.hasOwn(verdicts, problem);
  const known = problem === null ? undefined : own ? verdicts[problem] : BY_PROBLEM.get(problem);
  if (problem !== null && known !== undefined) return judgement(known, problem);
  const reason = problem ?? `http-${reply.status}`;
  if (reply.status >= 200 && reply.status < 300) {
    const ours = reply.status === 204 || isJson(reply.contentType);
    return ours ? judgement("done", reason) : judgement("retry", "not-the-service");
  }
  // In progress, done before or refused: the type would say which. Broken off on
  // its way, or with a NaN in it, it says nothing, and the same key asks again.
  if (reply.status === 409 && unread(reply)) return judgement("retry", reason);
  const verdict = BY_STATUS.get(reply.status);
  if (verdict !== undefined) return judgement(verdict, reason);
  // 5xx: it may have happened before the server fell over. The same key asks.
  if (reply.status >= 500) return judgement("retry", reason);
  return judgement("refused", reason);
}

/**
 * Whether *reply* is a problem document that could not be parsed.
 *
 * @param {Reply} reply
 * @returns {boolean}
 */
function unread(reply) {
  return isProblem(reply) && (reply.body ?? null) === null;
}

/** @param {Reply} reply @returns {boolean} */
function isProblem(reply) {
  return /^application\/problem\+json\b/i.test(reply.contentType ?? "");
}

/**
 * The last part of the problem type, or null if *reply* is no problem document.
 *
 * @param {Reply} reply
 * @returns {string|null}
 */
export function problemOf(reply) {
  if (!isProblem(reply)) return null;
  const type = reply.body?.type;
  if (typeof type !== "string" || type === "" || type === "about:blank") return null;
  return type.replace(/\/+$/, "").split(/[/#:]/).pop() ?? null;
}

/**
 * Milliseconds that a Retry-After header asks for; 0 if it asks for nothing.
 *
 * @param {string|null|undefined} header whole seconds or an HTTP date
 * @param {number} now milliseconds since 1970
 * @returns {number}
 */
export function retryAfter(header, now) {
  const text = (header ?? "").trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Date.parse would read "-5" or "1.5" as some day of some year.
  const date = /^[A-Za-z]{3},/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}

/**
 * Full jitter: anything from 0 to base * 2^(tries - 1), at most *cap*.
 *
 * Everybody who lost the same server comes back at a different moment, also
 * when the cap is reached.
 *
 * @param {number} tries how often it was tried, from 1
 * @param {{base?: number, cap?: number, random?: () => number}} [options] ms
 * @returns {number} milliseconds
 */
export function backoff(tries, { base = 1000, cap = 4000, random = Math.random } = {}) {
  return random() * Math.min(cap, base * 2 ** (Math.max(1, tries) - 1));
}

/** @param {Verdict} verdict @param {string} reason @returns {Judgement} */
function judgement(verdict, reason) {
  const resting = verdict === "retry" && RESTING.has(reason);
  return { verdict, reason, definite: SPENT.has(verdict), resting };
}

/** @param {string|undefined} contentType */
function isJson(contentType) {
  return /^application\/([a-z0-9.+-]+\+)?json\b/i.test(contentType ?? "");
}
