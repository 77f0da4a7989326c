/**
 * The tabs of one browser: one leads, the others listen; when it goes, one takes over.
 *
 * The leader holds a Web Lock, which the browser passes on when the tab is
 * closed or crashes. It numbers what it says, so that a listener notices what
 * it did not hear, and beats, so that a leader that hangs can be deposed.
 *
 * @module
 */
export type TabGroupOptions = {
  /** this tab leads now */
  onLead: () => void;
  /** this tab led and no longer does */
  onDeposed: () => void;
  /** the leader spoke */
  onHear: (payload: any, fromNewLeader: boolean) => void;
  /** the leader said something that was not heard here */
  onMissed: () => void;
  /** a listener asks the leader for something */
  onAsk?: (payload: any) => void;
  /** what a tab must know that joins late */
  standing: () => any;
  /** ms between signs of life, 2000 */
  beat?: number;
  /** ms of silence after which the leader is deposed, 10000 */
  silent?: number;
};
export type Frame = {
  kind: "hello";
} | {
  kind: "ask";
  payload: any;
} | {
  kind: "say" | "beat";
  leader: string;
  n: number;
  payload: any;
};
/** This tab's part in the group called *name*. */
export declare class TabGroup {
  #private;
  /** True while this tab holds the lock. */
  leading: boolean;
  constructor(name: string, options: TabGroupOptions);
  /** True where the browser has what this needs. */
  static get supported(): boolean;
  join(): void;
  leave(): void;
  /** Tell all listeners. Only the leader may. */
  say(payload: any): void;
  /** Ask the leader for something. */
  ask(payload: any): void;
}
