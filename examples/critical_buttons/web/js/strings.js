// @ts-check
/** Every text of the page, in one place to read, check and translate. */

export * from "./strings-sms.js";
export * from "./strings-status.js";

/** @type {Readonly<Record<string, string>>} */
export const STATUS = Object.freeze({
  requested: "Requested",
  held: "Held",
  confirmed: "Confirmed",
  checked_in: "Checked in",
  completed: "Completed",
  no_show: "No-show",
  cancelled: "Cancelled",
  expired: "Expired",
});

export const PAGE = Object.freeze({
  title: "Critical Buttons",
  subtitle: "Pressed twice, offline, in two tabs: done once",
  skip: "Skip to the bookings",
  skipLeads: "Skip to the leads",
  sections: "Sections",
  tenant: "Tenant",
  theme: "Theme",
  themes: { light: "Light", dark: "Dark", system: "Like the system" },
  bookings: "Bookings",
  leads: "Leads & SMS",
  faultsOn: "Demo faults on",
  activity: "Live activity",
  notDurable:
    "This browser keeps nothing for this page. If you reload while a confirmation is being sent, press Confirm again only after looking at the list.",
});

export const LIST = Object.freeze({
  columns: ["Booking", "Customer", "Time", "Status", "Version", "Action"],
  search: "Search bookings",
  searchHint: "Room, customer or number",
  filter: "Status",
  all: "All",
  loading: "Loading the bookings…",
  failed: "The list could not be loaded.",
  again: "Try again",
  nothing: "No booking fits. Change the search or the status.",
  empty: "There are no bookings yet.",
  /** @param {number} shown @param {number} total */
  shown: (shown, total) =>
    shown === total ? `${total} bookings` : `${shown} of ${total} bookings`,
  /** @param {string} time */
  heldUntil: (time) => `until ${time}`,
  holdOver: "hold ran out",
  /** @param {number} version */
  version: (version) => `v${version}`,
});

export const CONNECTION = Object.freeze({
  connecting: "Connecting…",
  live: "Live",
  liveElsewhere: "Live via another tab",
  /** @param {number} attempt */
  reconnecting: (attempt) => `Reconnecting, try ${attempt}`,
  unreachable: "Server unreachable",
  offline: "Offline",
  /** @param {number|null} status */
  refused: (status) => `No live updates (${status})`,
  closed: "Not connected",
  help: {
    connecting: "Opening the stream of changes.",
    live: "Changes by anybody appear here at once.",
    liveElsewhere: "Another tab holds the connection and passes every change on.",
    reconnecting: "The stream was cut. Changes will be caught up.",
    unreachable: "The server does not answer. It is tried again and again.",
    offline: "Your browser has no network.",
    refused: "The server answers, but not with a stream of changes.",
    closed: "The stream is closed.",
  },
  /** @type {Record<string, string>} */
  said: {
    offline: "You are offline. The list may be out of date.",
    unreachable: "Can't reach the server. The list may be out of date.",
    live: "Connected again. The list is up to date.",
    stale: "Connected again, but the list could not be loaded. It may be out of date.",
  },
});

export const ACTIVITY = Object.freeze({
  empty: "Nothing yet. Press a button and watch it appear here, in every tab.",
  aloud: "Read aloud",
  origin: { tab: "This tab", browser: "This browser", elsewhere: "Elsewhere" },
  unknownBefore: "?",
  /** @param {number} count */
  away: (count) => `${count} ${count === 1 ? "event" : "events"} while away`,
  sms: "SMS",
  consent: "SMS consent",
  /** @param {number} count @param {boolean} [cut] */
  leads: (count, cut = false) => `${count}${cut ? "+" : ""} leads`,
  gap: "Some events could not be caught up. The list was loaded anew.",
  /** @param {string} who */
  by: (who) => `by ${who}`,
});

/** What the confirm button can say. `name` is what a booking is called aloud. */
export const BUTTON = Object.freeze({
  label: "Confirm booking",
  sending: "Sending…",
  /** @param {number} tries @param {number} of */
  retrying: (tries, of) => `Retrying ${tries}/${of}…`,
  /** @param {number} tries @param {number} of @param {number} seconds */
  retryingIn: (tries, of, seconds) => `Retrying ${tries}/${of} in ${seconds} s`,
  inProgress: "Already being sent",
  done: "Confirmed",
  already: "Already confirmed",
  refused: "Not possible",
  conflict: "Changed meanwhile",
  unknown: "Needs a look",
  tooOld: "Too old - Review",
  notAccepted: "Not accepted",
  unreachable: "Unreachable - Retry",
  offline: "Offline - Retry",
  failed: "Failed - Retry",
  unanswered: "No answer - Ask again",
  signedOut: "Sign in to send",
  forbidden: "Not allowed",
});

export const SAID = Object.freeze({
  /** @param {string} name */
  sending: (name) => `Confirming booking ${name}.`,
  asking: "The page was closed before the answer came. Asking again, with the same key.",
  stillTrying: "Didn't work yet, trying again.",
  stillUnreachable: "Can't reach the server. Still trying.",
  inProgress: "This is already being sent. Waiting for its answer.",
  /** @param {string} name */
  done: (name) => `Booking ${name} confirmed.`,
  replayed: "This had already gone through. Nothing was sent twice.",
  /** @param {string} name */
  unchanged: (name) => `Booking ${name} was already confirmed. Nothing was changed.`,
  /** @param {string} name @param {string} title */
  problem: (name, title) => `Booking ${name}: ${title}`,
});

export const CARD = Object.freeze({
  close: "Close",
  again: "Try again",
  check: "Ask again",
  startOver: "Start over",
  useMine: "Use mine",
  keepTheirs: "Keep theirs",
  yours: "Yours",
  theirs: "Theirs",
  send: "Send",
  keep: "Keep",
  wait: "Keep waiting",
  cancel: "Cancel",
  giveUp: "Stop trying (it may already have happened)",
  askProvider: "Check",
  markSent: "Mark sent",
  sendAgain: "Send again…",
  reallySendAgain: "Send again",
  drop: "Don't send it",
  choose: "Choose again",
  move: "Move",
  goOn: "Go on",
  leave: "Leave it there",
  withoutThem: "Move the others",
  selectThem: "Select only these",
  next: "What is possible now",
  /** @param {string} room */
  free: (room) => `Free in ${room}`,
  allowed: /** @type {Record<string, string>} */ ({
    held: "Hold",
    confirmed: "Confirm",
    checked_in: "Check in",
    completed: "Complete",
    no_show: "Mark as no-show",
    cancelled: "Cancel",
    expired: "Let it expire",
  }),
  nothingAllowed: "Nothing: this state is final.",
  /** @param {string} status @param {number} version */
  yourVersion: (status, version) => `Confirm it. You saw it ${status.toLowerCase()} (v${version}).`,
  /** @param {string} status @param {number} version */
  theirVersion: (status, version) => `${status} (v${version})`,
  /** @param {string} who @param {string} time */
  changedBy: (who, time) => `by ${who}, ${time}`,
});

/** Title and text of each way a confirmation can end without being confirmed. */
export const ENDS = Object.freeze({
  offline: {
    title: "You are offline. Nothing was sent.",
    text: "Press again when you are back online. It will be the same request.",
  },
  offlineSent: {
    title: "You are offline, and no answer has come.",
    text: "It may have gone through. Press again when you are back online: it is the same request, and nothing is done twice.",
  },
  unreachable: {
    title: "The server cannot be reached.",
    text: "It is not known whether it got your request. Press again: it is the same request, and nothing is done twice.",
  },
  failed: {
    title: "It did not work, although it was tried several times.",
    text: "Press again: it is the same request, and nothing is done twice.",
  },
  /** @param {string} time */
  notBefore: (time) => `The server asks to wait until ${time}.`,
  unanswered: {
    title: "No answer came to your last press.",
    text: "Press again to learn what became of it. It is the same request, and nothing is done twice.",
  },
  unknown: {
    title: "It may have been confirmed; the server cannot tell.",
    text: "Look at the booking before you do anything else. Asking again is safe: it is the same request.",
  },
  tooOld: {
    title: "This press is too old to tell whether it was carried out.",
    text: "Look at the booking. If it is still not confirmed, start over.",
  },
  keyReused: {
    title: "The server has seen this request's key with other contents.",
    text: "Nothing was done. Start over to send a new request.",
  },
  notAccepted: {
    title: "The server did not accept the request.",
    text: "Nothing was done.",
  },
  conflict: {
    title: "Somebody changed this booking first.",
    text: "Yours was not applied. Decide what should hold.",
  },
  transition: {
    /** @param {string} from */
    title: (from) => `A booking that is ${from.toLowerCase()} cannot be confirmed.`,
    text: "Nothing was changed.",
  },
  holdExpired: {
    title: "The hold on this slot has run out.",
    text: "The slot is no longer kept for this customer. Request it again, or choose another time.",
  },
  slotTaken: {
    title: "Another booking has this slot.",
    text: "Two bookings cannot have the same room at the same time. These are free:",
    none: "Two bookings cannot have the same room at the same time. Choose another time.",
  },
  notFound: {
    title: "This booking does not exist any more.",
    text: "Reload the list.",
  },
  signedOut: {
    title: "You are signed out.",
    text: "Nothing was done. Sign in and press again: it will be the same request.",
  },
  forbidden: {
    title: "You may not confirm this booking.",
    text: "Nothing was done.",
  },
});
