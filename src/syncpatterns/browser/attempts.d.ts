/**
 * The tries of one press: send, judge, wait, send again with the same key.
 *
 * @module
 */
export type Intent = import("./intent-store.js").Intent;
export type Options = import("./idempotent-fetch.js").Options;
export type Outcome = import("./idempotent-fetch.js").Outcome;
export type Progress = import("./idempotent-fetch.js").Progress;
export type Reply = import("./outcome.js").Reply & {
  replayed: boolean;
  etag: string | null;
};
export type Tried = {
  outcome: Outcome | null;
  /** ms that the server asked for */
  retryAfter: number;
  /** what the server needs is not being asked for now */
  resting: boolean;
  /** null if there was no answer at all */
  reply: Reply | null;
};
/** One use of a key, from the press until an outcome. */
export declare class Attempts {
  #private;
  /**
   */
  constructor(intent: Intent, headers: Record<string, string>, signal: AbortSignal | undefined, watchers: Set<(progress: Progress) => void>, options: Required<Options>);
  run(): Promise<Outcome>;
  /**
   * The outcome, told by an event; ends the tries.
   *
   * The request in flight is left alone: cutting it would only cost a connection.
   */
  settledBy(fact: any): Outcome;
  /** End a pause now: what was resting is known to work again. */
  nudge(): void;
}
