// @ts-check
/** Line icons on a 16 x 16 grid, drawn as DOM nodes: no markup from strings. */

const NS = "http://www.w3.org/2000/svg";

/** @type {Readonly<Record<string, string>>} */
const PATHS = Object.freeze({
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2.2v2.9h-2.9",
  alert: "M8 2.2 14.2 13H1.8zM8 6.4v3.1M8 11.4v.1",
  calendar: "M2.5 4h11v9.5h-11zM2.5 7h11M5.5 2.3V5M10.5 2.3V5",
  check: "m3.2 8.6 3.1 3.1 6.5-7",
  checkCircle: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8M5.2 8.2l2 2 3.6-4",
  clock: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8M8 4.6V8l2.4 1.6",
  cross: "m4 4 8 8M12 4l-8 8",
  download: "M8 2.2v7.6M4.8 7 8 10.2 11.2 7M2.8 13.4h10.4",
  door: "M3.8 14V2.3h8.4V14M2 14h12M9.7 8v.1",
  flag: "M4 14V2.4h7.6L10 5.3l1.6 3H4",
  hand: "M3 8h10M10 5l3 3-3 3",
  history: "M2.6 8a5.4 5.4 0 1 0 1.7-3.9M2.4 2.6v2.6H5M8 5v3.2l2.2 1.3",
  inbox: "M2.2 9.2 4 3h8l1.8 6.2v4H2.2zM2.2 9.2h3.6l1 1.6h2.4l1-1.6h3.6",
  live: "M8 7.2a.8.8 0 1 1 0 1.6.8.8 0 0 1 0-1.6M5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6M3.2 12.8a6.8 6.8 0 0 1 0-9.6M12.8 3.2a6.8 6.8 0 0 1 0 9.6",
  lock: "M3.5 7.2h9v6.3h-9zM5.3 7V5a2.7 2.7 0 0 1 5.4 0v2",
  message: "M2.5 3h11v8.2H7.4L4.4 14v-2.8H2.5z",
  minus: "M4 8h8",
  monitor: "M2 3h12v8H2zM6 13.6h4M8 11v2.6",
  moon: "M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8",
  offline: "M2 2l12 12M8 12.2v.1M5.6 9.8a3.4 3.4 0 0 1 3-1M3.4 7.4a6.6 6.6 0 0 1 2.5-1.6M8.4 5.1a6.7 6.7 0 0 1 4.2 2.3",
  plug: "M6 2.2v3M10 2.2v3M4 5.2h8v2.6a4 4 0 0 1-8 0zM8 11.8v2",
  question: "M5.8 6a2.2 2.2 0 1 1 3.3 1.9c-.7.4-1.1.8-1.1 1.6M8 11.9v.1",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.3 10.3l3.4 3.4",
  split: "M8 14V8.4L3.6 4M8 8.4 12.4 4M3.4 7V3.8h3.2M12.6 7V3.8H9.4",
  sun: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6M8 1.4v1.4M8 13.2v1.4M1.4 8h1.4M13.2 8h1.4M3.3 3.3l1 1M11.7 11.7l1 1M12.7 3.3l-1 1M4.3 11.7l-1 1",
});

/** @param {string} name @returns {SVGElement} */
export function icon(name) {
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `icon icon-${name}`);
  // The words beside it say the same.
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const path = document.createElementNS(NS, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.minus ?? "");
  svg.append(path);
  return svg;
}

/** The icon of each booking status. @type {Readonly<Record<string, string>>} */
export const STATUS_ICON = Object.freeze({
  requested: "inbox",
  held: "clock",
  confirmed: "checkCircle",
  checked_in: "door",
  completed: "flag",
  no_show: "minus",
  cancelled: "cross",
  expired: "alert",
});

/** The icon of each state of a lead. @type {Readonly<Record<string, string>>} */
export const LEAD_ICON = Object.freeze({
  new: "inbox",
  attempted: "again",
  connected: "message",
  qualified: "check",
  booked: "calendar",
  won: "checkCircle",
  nurture: "clock",
  unqualified: "minus",
  lost: "cross",
  do_not_contact: "lock",
});

/** The icon of each state of a message. @type {Readonly<Record<string, string>>} */
export const SMS_ICON = Object.freeze({
  queued: "clock",
  sending: "clock",
  sent: "hand",
  delivered: "check",
  undelivered: "alert",
  failed: "alert",
  read: "checkCircle",
  received: "inbox",
});
