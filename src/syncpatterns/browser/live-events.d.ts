/**
 * Events of the server in every tab, over one connection for the whole browser.
 *
 * One tab holds the connection and passes each event on; when it goes, another
 * takes over at the position it has itself seen. HTTP/1.1 allows six
 * connections to a host: with one stream per tab the seventh tab would hang.
 *
 * @module
 */
export type StreamState = import("./event-stream.js").StreamState;
export type LiveState = {
  state: StreamState["state"];
  /** which tab holds the connection */
  via: "own" | "other-tab";
  attempt: number;
  /** ms since 1970 of the next try, 0 if none is planned */
  until: number;
  /** what the server said instead of a stream */
  status: number | null;
};
export type LiveEvent = {
  /** unique; an event that comes twice is given once */
  id: string;
  type: string;
  channel: string;
  data: any;
  /** it happened while the connection was down */
  missed: boolean;
};
export type LiveOptions = {
  url: string;
  headers?: Record<string, string>;
  /**
   * tabs with the same name share a connection; the URL unless said otherwise. Include
   * whatever else decides what may be seen
   */
  name?: string;
  /** how many event ids are remembered, 500 */
  remember?: number;
  /** see TabGroup */
  beat?: number;
  /** see TabGroup */
  silent?: number;
  stream?: Partial<import("./event-stream.js").StreamOptions>;
};
/**
 * Dispatches `event` (detail: LiveEvent), `gap` (detail: {reason}: events are lost, or
 * may be; fetch the current state) and `state` (detail: LiveState).
 */
export declare class LiveEvents extends EventTarget {
  #private;
  constructor(options: LiveOptions);
  get state(): LiveState;
  /** Position after the last event given out. */
  get cursor(): string;
  /**
   * Begin to listen.
   *
   * Call it before fetching the state, with the promise of the position that
   * comes with it (the X-Realtime-Cursor header). Listening to the other tabs
   * begins at once and the stream waits for the position: an event committed
   * after the fetch was answered is heard either way. Without a position a `gap`
   * tells the page to fetch once the connection stands.
   */
  start(position?: string | null | Promise<string | null>): void;
  /** Something else has just reached the server: if there is a wait, end it. */
  nudge(): void;
  close(): void;
}
