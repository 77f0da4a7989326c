/**
 * Where the keys of unanswered requests are kept: IndexedDB, shared by all tabs.
 *
 * A key must outlive the tab that minted it. Suppose the tab dies after the
 * server committed and before the answer came: with the key still stored, the
 * next press of the same button asks under the same key and is told "already
 * done"; with a new key it would do the thing again.
 *
 * @module
 */
export type Intent = {
  /** what is wished: see `intentOf` */
  id: string;
  /** the idempotency key */
  key: string;
  /** tenant or user that the wish belongs to */
  scope: string;
  method: string;
  url: string;
  /** the exact text that is sent with this key */
  body: string;
  /** the ETag the user was looking at, or "" */
  ifMatch: string;
  /** ms since 1970 */
  mintedAt: number;
  /** null while certainly nothing was sent */
  firstSentAt: number | null;
  lastSentAt: number | null;
};
/**
 * Keeps intents in IndexedDB; in memory where that is not to be had (`durable` is
 * false then: a reload forgets what was in flight).
 */
export declare class IntentStore {
  #private;
  /** False once IndexedDB was found missing, blocked or broken. */
  durable: boolean;
  /**
   */
  constructor({ name, now, factory }?: {
    name?: string;
    now?: () => number;
    factory?: IDBFactory | null;
  });
  /**
   * The stored intent of the same wish, or *fresh* after storing it.
   *
   * One transaction: two tabs that press at once get one key.
   */
  take(fresh: Intent): Promise<Intent>;
  /**
   * Note that a request with this key is about to leave.
   *
   * Written before it leaves, so that nobody says "nothing was sent" of a
   * request that was cut off in flight.
   */
  leaving(intent: Intent): Promise<Intent>;
  /**
   * Forget the wish, unless it has got another key meanwhile.
   */
  forget(intent: Pick<Intent, "id" | "key">): Promise<void>;
  /**
   * The unanswered intents of *scope*, oldest first; drops what is too old.
   */
  pending(scope: string): Promise<Intent[]>;
}
