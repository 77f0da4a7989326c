/**
 * What an answer to a critical request means: one table, no I/O.
 *
 * The problem type is looked at before the status. Status 409 alone says
 * nothing: "in progress" must be asked again, "already done" is a success,
 * "unknown" must be left for somebody to look at, and "slot taken" is a refusal.
 *
 * @module
 */
export type Verdict = "done" | "refused" | "conflict" | "parked" | "signed-out" | "forbidden" | "retry";
export type Reply = {
  status: number;
  contentType?: string;
  /** the parsed JSON, or null */
  body?: any;
  /** the header, as it came */
  retryAfter?: string | null;
};
export type Judgement = {
  verdict: Verdict;
  /** problem type's last part, else `http-<status>` */
  reason: string;
  /** the key is spent; another wish gets another key */
  definite: boolean;
  /**
   * nothing was done and nothing behind the service was asked: waiting as long as
   * Retry-After says costs no try
   */
  resting: boolean;
};
/**
 * Say what *reply* means for the key it was sent with.
 *
 * A success that is not JSON did not come from the service: a captive portal
 * answers everything with 200 and a login page, and believing it would call a
 * booking confirmed that never left the hotel.
 */
export declare function judge(reply: Reply, verdicts?: Readonly<Record<string, Verdict>>): Judgement;
/**
 * The last part of the problem type, or null if *reply* is no problem document.
 */
export declare function problemOf(reply: Reply): string | null;
/**
 * Milliseconds that a Retry-After header asks for; 0 if it asks for nothing.
 *
 * @param header whole seconds or an HTTP date
 * @param now milliseconds since 1970
 */
export declare function retryAfter(header: string | null | undefined, now: number): number;
/**
 * Full jitter: anything from 0 to base * 2^(tries - 1), at most *cap*.
 *
 * Everybody who lost the same server comes back at a different moment, also
 * when the cap is reached.
 *
 * @param tries how often it was tried, from 1
 * @param [options] ms
 * @returns milliseconds
 */
export declare function backoff(tries: number, { base, cap, random }?: {
  base?: number;
  cap?: number;
  random?: () => number;
}): number;
