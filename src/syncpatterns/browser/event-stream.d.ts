/**
 * One server-sent-events connection that stays up: reads, resumes, waits, tells.
 *
 * `EventSource` cannot see comment heartbeats (a connection that died without a
 * word would look alive for ever), answers' statuses or Retry-After, and sends
 * no headers; so the stream is read with `fetch`.
 *
 * @module
 */
export type Message = {
  /** event name, "message" if the server gave none */
  event: string;
  data: string;
  /** the last id the stream has named, "" before the first */
  id: string;
};
export type StreamState = {
  state: "connecting" | "live" | "reconnecting" | "unreachable" | "refused" | "offline" | "closed";
  attempt: number;
  /** ms since 1970 of the next try, 0 if one is running */
  until: number;
  status: number | null;
};
export type StreamOptions = {
  url: string;
  headers?: Record<string, string>;
  onState: (state: StreamState) => void;
  onMessage: (message: Message) => void;
  /** the server moved the position only */
  onPosition: (id: string) => void;
  /** the position could not be kept */
  onLost: (reason: string) => void;
  /** first wait in ms, doubling, 500 */
  base?: number;
  /** longest wait in ms, 5000 */
  cap?: number;
  /** ms without a byte, heartbeats included, that count as a dead connection, 45000 */
  silence?: number;
  isOffline?: () => boolean;
  fetch?: typeof globalThis.fetch;
  random?: () => number;
  now?: () => number;
};
/** One connection, made again whenever it ends. */
export declare class EventStream {
  #private;
  constructor(options: StreamOptions);
  /** Position after the last message, "" before any is known. */
  get cursor(): string;
  /**
   * Connect, and stay connected until `close`.
   *
   * @param cursor where to go on; "" begins with what comes next
   */
  open(cursor: string): void;
  /** Try now: something else has just reached the server. */
  nudge(): void;
  close(): void;
}
/** The text of a stream as messages; keeps what is incomplete. */
export declare class EventParser {
  #private;
  /** Reconnection time in ms that the server asked for, or null. */
  retry: number | null;
  constructor(id?: string);
  /**
   * @param text the next piece, cut anywhere
   * @returns data is
   *   null for a block that only moves the position
   */
  push(text: string): Generator<{
    event: string;
    data: string | null;
    id: string;
  }>;
}
