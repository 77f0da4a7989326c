/**
 * Sends a critical request so that it happens once and the caller is told the truth.
 *
 * The key is minted when the user wishes something (not when a request leaves),
 * stored before anything is sent, used for every try, and dropped only when a
 * definite answer has come. Pressing again, in this tab or another, after a
 * reload or a crash, asks for the same wish under the same key.
 *
 * @module
 */
import { IntentStore } from "./intent-store.js";
export type Intent = import("./intent-store.js").Intent;
export type Verdict = import("./outcome.js").Verdict;
export type Wish = {
  url: string;
  /** sent as JSON */
  body?: unknown;
  /** POST unless said otherwise */
  method?: string;
  /** tenant or user; another scope is another wish */
  scope?: string;
  /** ETag of what the user was looking at */
  ifMatch?: string;
  /** further headers; no part of the wish */
  headers?: Record<string, string>;
};
export type Progress = {
  /**
   * `paused`: what the service needs is resting (circuit-open); the wait costs no try
   * and `nudge` ends it
   */
  state: "sending" | "waiting" | "paused";
  /** the try that is running, or the one to come */
  tries: number;
  of: number;
  /** why the last try gave no answer; "" for the first */
  reason: string;
  /** ms until the next try; 0 while sending */
  delay: number;
  /** ms since 1970, for a countdown; a pause ends within one `base` after it */
  until: number;
};
export type Outcome = {
  /**
   * `offline` and `unreachable`: no answer and no connection; `failed`: the server
   * could not do it, however often asked; `cancelled`: stopped by the signal
   */
  kind: Exclude<Verdict, "retry"> | "offline" | "unreachable" | "failed" | "cancelled";
  /** problem type, `http-<status>`, `network`, `timeout`, … */
  reason: string;
  /**
   * false: the key is kept, pressing again uses it; a pause that was cancelled is
   * definite, since the service had said that nothing was done
   */
  definite: boolean;
  /** true if a request with this key may have arrived */
  sent: boolean;
  /** the server had done it before and says so again */
  replayed: boolean;
  status: number | null;
  /** parsed JSON of the last answer, or null */
  body: any;
  etag: string | null;
  tries: number;
  /** ms since 1970 before which trying is useless; 0 if any time */
  retryAt: number;
  /** what settled it */
  by: "answer" | "event" | "none";
  intent: Intent;
};
export type Options = {
  store?: IntentStore;
  /** tries of one press, 5 */
  attempts?: number;
  /** first backoff in ms, 1000 */
  base?: number;
  /** longest backoff in ms, 4000 */
  cap?: number;
  /** ms for one answer, 15000 */
  timeout?: number;
  /** longest Retry-After to sit through in ms, 60000 */
  patience?: number;
  /** the same for a service that rests, 900000 */
  rest?: number;
  /** what the service's own problem types mean; see `judge` */
  verdicts?: Readonly<Record<string, Verdict>>;
  /**
   * URL whose answer proves that we are online after all; browsers claim to be offline
   * when they are not
   */
  probe?: string | null;
  /** what events call this request (see `settle`); null: events never settle it */
  nameOf?: (intent: Intent) => Promise<string | null> | string | null;
  isOffline?: () => boolean;
  fetch?: typeof globalThis.fetch;
  mint?: () => string;
  random?: () => number;
  now?: () => number;
};
export type Flight = {
  outcome: Promise<Outcome>;
  settle: (fact: any) => void;
  settled: Promise<any>;
  name: string | null;
  nudge: () => void;
  watchers: Set<(progress: Progress) => void>;
};
/** Sends wishes; one object for the page. */
export declare class IdempotentFetch {
  #private;
  constructor(options?: Options);
  /** Where the keys are kept. */
  get store(): IntentStore;
  /**
   * Do what *wish* says, once.
   *
   * A wish that is in flight in this tab is joined, not sent again. Never
   * rejects: everything that can go wrong is an outcome.
   */
  send(wish: Wish, { onProgress, signal }?: {
    onProgress?: (progress: Progress) => void;
    signal?: AbortSignal;
  }): Promise<Outcome>;
  /**
   * Ask again for an intent that `pending` listed, with its key and its bytes.
   */
  resume(intent: Intent, { headers, onProgress, signal }?: {
    headers?: Record<string, string>;
    onProgress?: (progress: Progress) => void;
    signal?: AbortSignal;
  }): Promise<Outcome>;
  /**
   * The wishes of *scope* that have a key, no definite answer, and no living tab
   * that is still asking; oldest first.
   *
   * A page that is being left holds its locks for a moment longer: after a reload
   * this one would take its own last breath for another tab that asks. So a lock
   * that is held is waited for, half a second.
   */
  pending(scope?: string): Promise<Intent[]>;
  /**
   * Give a key up: the next press is a new wish. Only for a person to decide.
   */
  forget(intent: Intent): Promise<void>;
  /**
   * Tell that an event proves the request called *name* was carried out.
   *
   * The event may come before the answer, or instead of it. Whichever comes
   * first settles the request.
   *
   * @param name what `nameOf` gave for the request
   * @param fact becomes the outcome's body
   * @returns true if a request in flight was waiting for it
   */
  settle(name: string, fact: any): boolean;
  /** End every pause now: something has told that the service works again. */
  nudge(): void;
}
/**
 * What makes two presses the same wish: scope, method, URL, the state the user
 * saw (If-Match) and the body.
 */
export declare function intentOf({ scope, method, url, ifMatch, body }: Pick<Intent, "scope" | "method" | "url" | "ifMatch" | "body">): string;
