// @ts-check
/** The texts about leads, messages and the SMS service. */

/** @type {Readonly<Record<string, string>>} */
export const LEAD_STATUS = Object.freeze({
  new: "New",
  attempted: "Attempted",
  connected: "Connected",
  qualified: "Qualified",
  booked: "Booked",
  won: "Won",
  nurture: "Nurture",
  unqualified: "Unqualified",
  lost: "Lost",
  do_not_contact: "Do not contact",
});

/** @type {Readonly<Record<string, string>>} */
export const DELIVERY = Object.freeze({
  queued: "Queued",
  sending: "Sending",
  sent: "Sent",
  delivered: "Delivered",
  undelivered: "Not delivered",
  failed: "Not delivered",
  read: "Read",
  received: "Received",
});

/** Whether messages may be sent, as the activity names it. */
export const CONSENT = Object.freeze(
  /** @type {Record<string, string>} */ ({
    open: "Allowed",
    opted_out: "Opted out",
    under_review: "Under review",
  }),
);

/** Why a message was not delivered, by the carrier's code. */
export const NOT_DELIVERED = Object.freeze(
  /** @type {Record<string, string>} */ ({
    30001: "The provider's queue is full",
    30002: "The account is suspended",
    30003: "The phone is off or out of reach",
    30004: "The recipient blocks messages",
    30005: "The number is not in service",
    30006: "It is a landline, or the carrier cannot reach it",
    30007: "The carrier filtered it as spam",
    30008: "The carrier gave no reason",
  }),
);

/** Why the SMS service refused a message, by its code. */
export const REJECTED = Object.freeze(
  /** @type {Record<string, string>} */ ({
    21211: "The number is not a valid phone number.",
    21212: "The sender's number is not valid.",
    21408: "Messages to this country are switched off.",
    21606: "The sender's number may not send messages.",
    21610: "The recipient told the SMS service to stop.",
    21612: "The SMS service has no way to this number.",
    21614: "The number is not a mobile phone.",
    21617: "The text is too long.",
    21659: "The sender's number may not send messages.",
  }),
);

export const LEADS = Object.freeze({
  columns: ["Lead", "Status", "Last SMS", "Action"],
  search: "Search leads",
  searchHint: "Name or number",
  status: "Status of leads",
  all: "All statuses",
  loading: "Loading the leads…",
  failed: "The leads could not be loaded.",
  nothing: "No lead fits. Change the search or the status.",
  empty: "There are no leads yet.",
  optedOut: "Opted out",
  underReview: "Reply to read",
  never: "None yet",
  pages: "Pages of leads",
  previous: "Previous",
  next: "Next",
  /** @param {number} from @param {number} to @param {number} total */
  range: (from, to, total) => (total === 0 ? "0 leads" : `${from}–${to} of ${total}`),
  local: { sending: "Sending…", paused: "Paused", look: "Needs a look", failed: "Not sent yet" },
});

export const SMS = Object.freeze({
  choose: "Choose a lead to write to.",
  /** @param {string} name */
  to: (name) => `Message to ${name}`,
  hint: "Write a message",
  button: "Send SMS",
  /** @param {number} units @param {number} room @param {number} count @param {string} encoding */
  counter: (units, room, count, encoding) =>
    `${units}/${room} · ${count} ${count === 1 ? "segment" : "segments"} · ${encoding}`,
  /** @param {string} character */
  forced: (character) => `because of ${character}`,
  /** @param {number} length */
  tooLong: (length) => `${length} of 1600 characters: too long`,
  locked: "The text stays as it is until this message is settled.",
  history: "Messages",
  noHistory: "No messages yet.",
  historyFailed: "The messages could not be loaded.",
  from: "from them",
  /** @param {string} who */
  by: (who) => `by ${who}`,
  /** @param {string} code */
  code: (code) => `Reason ${code}`,
  optedOut: "Opted out: only they can change that, by writing START.",
  underReview: "A reply may mean that they want no more messages. Somebody has to read it first.",
  cannot: "No SMS to this lead",
});

/** What the send button can say besides what all buttons say. */
export const SEND = Object.freeze({
  sent: "Sent",
  already: "Already sent",
  /** @param {number} count */
  confirming: (count) => `Send ${count} segments?`,
  /** @param {string} left */
  paused: (left) => `SMS paused - ${left}`,
  asking: "Asking…",
  notSent: "Not sent - Send",
  /** @param {string} time */
  quiet: (time) => `Quiet hours - ${time}`,
  /** @param {string} time */
  limited: (time) => `Too many - ${time}`,
});

export const SENT = Object.freeze({
  /** @param {string} name @param {string} title */
  problem: (name, title) => `SMS to ${name}: ${title}`,
  /** @param {string} name */
  sending: (name) => `Sending the SMS to ${name}.`,
  /** @param {string} name */
  sent: (name) => `SMS to ${name} sent.`,
  /** @param {string} name @param {string} why */
  notDelivered: (name, why) =>
    `The SMS to ${name} was not delivered${why === "" ? "" : `: ${why}`}.`,
  /** @param {string} time */
  paused: (time) => `The SMS service is resting. Sends by itself at ${time}.`,
  cancelled: "Cancelled before sending. Nothing was sent.",
  blank: "Write a message first.",
  tooLong: "The message is too long. Shorten it to 1600 characters.",
  stillUnknown: "The SMS service cannot say yet whether it was sent.",
  notAsked: "That could not be settled now. Nothing has changed; try again.",
  asking: "Asking the SMS service what became of it.",
});

/** Title and text of each way a message can end without being sent. */
export const SMS_ENDS = Object.freeze({
  /** @param {number} count @param {string} name */
  confirm: (count, name) => `Send ${count} segments to ${name}?`,
  confirmText: "Each segment is charged as a message of its own.",
  paused: {
    title: "The SMS service is resting.",
    /** @param {string} time */
    text: (time) =>
      `It failed several times in a row and is left alone for a while. Nothing was sent. Yours goes by itself at ${time}; waiting costs no attempt.`,
  },
  unknown: {
    title: "It may have been sent.",
    text: "The SMS service was asked and its answer never came. Nothing goes out again by itself.",
  },
  sendAgain: {
    title: "Send it again?",
    /** @param {string} name */
    text: (name) => `If the first one did arrive, ${name} gets it twice.`,
  },
  notSent: {
    title: "It was not sent.",
    text: "The SMS service does not have it. Press to send it now.",
  },
  optedOut: {
    title: "This person wants no more messages.",
    text: "Nothing was sent. Only they can change that, by writing START.",
  },
  underReview: {
    title: "A reply of this person has to be read first.",
    text: "It may mean that they want no more messages. Nothing was sent.",
  },
  phoneInvalid: {
    title: "This number cannot get messages.",
    text: "Nothing was sent. Correct the lead's number first.",
  },
  rejected: {
    title: "The SMS service refused the message.",
    text: "Nothing was sent.",
    /** @param {string} code */
    code: (code) => `It gave the reason ${code}.`,
  },
  quiet: {
    /** @param {string} name */
    title: (name) => `It is night where ${name} is.`,
    /** @param {string} time */
    text: (time) => `Nothing was sent. Press again from ${time}: it will be the same message.`,
  },
  limited: {
    title: "Too many messages in a short time.",
    /** @param {string} time */
    text: (time) => `Nothing was sent. Press again from ${time}: it will be the same message.`,
  },
  unavailable: {
    title: "The SMS service cannot be reached.",
    text: "Nothing was sent. Press again: it will be the same message.",
  },
  notFound: {
    title: "This lead does not exist any more.",
    text: "Nothing was sent. Reload the list.",
  },
  tooOld: {
    title: "This press is too old to tell whether it was sent.",
    text: "Look at the messages below before you start over.",
  },
  forbidden: {
    title: "You may not write to this lead.",
    text: "Nothing was sent.",
  },
});

export const BREAKER = Object.freeze({
  title: "SMS service",
  states: /** @type {Record<string, string>} */ ({
    closed: "Working",
    open: "Paused",
    "half-open": "Trying once",
  }),
  held: "Held open",
  unknown: "Not known",
  /** @param {number} failures @param {number} threshold @param {number} window */
  failures: (failures, threshold, window) =>
    `${failures}/${threshold} failures in ${window} s`,
  /** @param {string} left */
  opens: (left) => `Asked again in ${left}`,
  probing: "One message goes through to see whether it works.",
  heldText: "Held open by hand until it is reset.",
  trip: "Trip",
  reset: "Reset",
});

export const CHAOS = Object.freeze({
  title: "Chaos",
  mode: "What the provider does",
  /** @type {readonly (readonly [string, string])[]} */
  modes: [
    ["healthy", "Healthy"],
    ["refuse", "Refuses connections"],
    ["429", "Answers 429"],
    ["500", "Answers 500"],
    ["503", "Answers 503"],
    ["unauthorized", "Knows the account no more"],
    ["reject", "Rejects: opted out"],
    ["hang", "Hangs, nothing sent"],
    ["drop", "Drops the line, nothing sent"],
    ["accept_then_hang", "Sends, then hangs"],
    ["accept_then_drop", "Sends, then drops the line"],
    ["garbled", "Sends, then answers nonsense"],
  ],
  count: "How many messages",
  countHint: "All",
  reports: "How it reports what became of them",
  /** @type {readonly (readonly [string, string])[]} */
  reportsKinds: [
    ["on-time", "In time"],
    ["late", "5 s late"],
    ["twice", "Each report twice"],
    ["reordered", "The last report first"],
    ["lost", "Not at all"],
    ["undelivered", "Not delivered"],
  ],
  otherReports: "As it was set elsewhere",
  apply: "Apply",
  inbound: "Reply from the chosen lead",
  inboundText: "Text of the reply",
  reply: "Reply",
  applied: "The provider's behaviour is switched.",
  replied: "The reply is on its way in.",
  noLead: "Choose a lead first.",
  failed: "That could not be switched.",
});
