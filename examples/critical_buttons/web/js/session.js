// @ts-check
/** Everything that belongs to one tenant: its data, its stream, its requests. */

import { IdempotentFetch } from "/syncpatterns/idempotent-fetch.js";
import { IntentStore } from "/syncpatterns/intent-store.js";
import { LiveEvents } from "/syncpatterns/live-events.js";
import { storageKey } from "/syncpatterns/storage-key.js";
import { Activity } from "./activity.js";
import { announce } from "./announce.js";
import { Api, etagOf } from "./api.js";
import { Bookings } from "./bookings.js";
import { el } from "./dom.js";
import { CONFIRMABLE } from "./elements/confirm-view.js";
import { BookingList } from "./list.js";
import { OnceMore } from "./once-more.js";
import { pastEntries } from "./past.js";
import { SmsDesk } from "./sms/desk.js";
import { CONNECTION, PAGE } from "./strings.js";

/** @typedef {import("/syncpatterns/idempotent-fetch.js").Outcome} Outcome */
/** @typedef {import("/syncpatterns/idempotent-fetch.js").Progress} Progress */
/** @typedef {import("/syncpatterns/intent-store.js").Intent} Intent */
/** @typedef {import("/syncpatterns/live-events.js").LiveEvent} LiveEvent */
/** @typedef {import("/syncpatterns/live-events.js").LiveState} LiveState */
/** @typedef {import("./bookings.js").Booking} Booking */
/** @typedef {import("./origin.js").Origins} Origins */

const CONFIRM = "/api/bookings/confirm";
const OPERATION = "bookings.confirm";
/** A request younger than this is asked about by itself after a reload; for an
 * older one nobody is waiting any more, and the person decides. */
const RESUME_WITHIN = 60_000;
const HISTORY = 50;
/** One for the page: every store holds a connection to the database open. */
const STORE = new IntentStore();
/** What is worth saying aloud about the connection. */
const BAD = new Set(["offline", "unreachable"]);

/**
 * What the page around it is told.
 *
 * @typedef {object} Page
 * @property {(state: LiveState) => void} onState
 * @property {(on: boolean) => void} onFaults whether demo faults can be switched
 */

/** One tenant in this tab. */
export class Session {
  #tenant;
  #origins;
  #api;
  #bookings = new Bookings();
  #activity = new Activity();
  #list;
  #live;
  #client;
  #page;
  #desk;
  #rail = el("div", { class: "rail" });
  #wasBad = false;
  #wasLive = false;
  #closed = false;
  #fetch = new OnceMore(() => this.#loadNow());

  /**
   * @param {string} tenant
   * @param {Origins} origins
   * @param {Page} page
   */
  constructor(tenant, origins, page) {
    this.#tenant = tenant;
    this.#origins = origins;
    this.#page = page;
    this.#api = new Api(tenant);
    this.#client = new IdempotentFetch({
      store: STORE,
      probe: "/api/health/live",
      nameOf: (intent) => this.#nameOf(intent),
    });
    this.#live = new LiveEvents({
      url: `/events?tenant=${encodeURIComponent(tenant)}`,
      headers: this.#api.headers,
    });
    this.#list = new BookingList(this.#bookings, this.#services(), () => void this.#load());
    this.#desk = new SmsDesk({
      tenant,
      api: this.#api,
      origins,
      store: this.#client.store,
      activity: this.#activity,
      announce,
    });
    this.#rail.append(this.#desk.rail, this.#activity.element);
  }

  /** @param {HTMLElement} main */
  start(main) {
    main.replaceChildren(this.#list.element, this.#desk.element, this.#rail);
    this.#live.addEventListener("event", (event) => {
      this.#onEvent(/** @type {CustomEvent<LiveEvent>} */ (event).detail);
    });
    this.#live.addEventListener("gap", (event) => {
      this.#onGap(/** @type {CustomEvent<{reason: string}>} */ (event).detail.reason);
    });
    this.#live.addEventListener("state", (event) => {
      this.#onLive(/** @type {CustomEvent<LiveState>} */ (event).detail);
    });
    this.#page.onState(this.#live.state);
    const loaded = this.#load();
    this.#live.start(loaded);
    void loaded.then(() => this.#afterFirstLoad(), () => {});
    void this.#api.hasFaults().then((on) => this.#allowFaults(on), () => {});
  }

  /** @param {import("./views.js").View} view */
  show(view) {
    this.#list.element.hidden = view !== "bookings";
    this.#desk.element.hidden = view !== "leads";
    this.#desk.rail.hidden = view !== "leads";
    const activity = (/** @type {HTMLElement} */ moves) => this.#activity.head(moves);
    this.#desk.placeMoves(view === "leads" ? null : activity);
    if (view === "leads") void this.#desk.open();
  }

  close() {
    this.#closed = true;
    this.#live.close();
    this.#list.close();
    this.#desk.close();
    this.#activity.close();
    this.#rail.remove();
  }

  /** @param {boolean} on */
  #allowFaults(on) {
    this.#page.onFaults(on);
    if (on) this.#desk.allowFaults();
  }

  /** @returns {import("./elements/booking-confirm-button.js").Services} */
  #services() {
    const headers = this.#api.headers;
    return {
      confirm: (booking, how) =>
        this.#settle(
          this.#client.send(
            {
              url: CONFIRM,
              body: { booking_id: booking.id },
              scope: this.#tenant,
              ifMatch: etagOf(booking),
              headers,
            },
            how,
          ),
        ),
      resume: (intent, how) =>
        this.#settle(this.#client.resume(intent, { headers, ...how })),
      forget: (intent) => this.#client.forget(intent),
      refresh: (id) => this.#refresh(id),
      announce,
    };
  }

  /** @param {Promise<Outcome>} request */
  async #settle(request) {
    const outcome = await request;
    if (outcome.by === "answer") this.#live.nudge();
    const { booking } = outcome.body ?? {};
    if (outcome.kind === "done" && booking) this.#bookings.apply(booking);
    else if (outcome.definite) void this.#refresh(bookingOf(outcome.intent));
    return outcome;
  }

  /** @param {string} id */
  async #refresh(id) {
    try {
      this.#bookings.apply(await this.#api.booking(id));
    } catch {
      // Gone or not to be had: the stream and the next list will tell.
    }
  }

  /**
   * Fetch the list.
   *
   * @returns {Promise<string|null>} the position of the stream at the list
   */
  #load() {
    return this.#fetch.run();
  }

  async #loadNow() {
    /** @type {string|null} */
    let position = null;
    try {
      await this.#bookings.load(async () => {
        const { bookings, cursor } = await this.#api.bookings();
        position = cursor;
        return bookings;
      });
    } catch (error) {
      this.#list.failed();
      throw error;
    }
    return position;
  }

  async #afterFirstLoad() {
    await Promise.all([this.#fillActivity(), this.#pickUp(), this.#desk.pickUp()]);
    if (!this.#client.store.durable) announce("status", PAGE.notDurable);
  }

  async #fillActivity() {
    try {
      // Where the leads are shown, the feed can name them too.
      if (!this.#desk.element.hidden) await this.#desk.open();
      const audit = await this.#api.audit(HISTORY);
      this.#activity.fill(
        pastEntries(audit, {
          limit: HISTORY,
          resourceOf: (id) => this.#bookings.get(id)?.resource ?? "",
          nameOf: (id) => this.#desk.nameOf(id),
          originOf: (hash) => this.#origins.of(hash),
        }),
      );
    } catch {
      // The feed begins with what happens next.
    }
  }

  /** Deal with what was pressed before a reload or a crash. */
  async #pickUp() {
    for (const intent of await this.#client.pending(this.#tenant)) {
      if (intent.url !== CONFIRM) continue;
      const booking = this.#bookings.get(bookingOf(intent));
      const button = this.#list.row(bookingOf(intent))?.button;
      const same = booking && etagOf(booking) === intent.ifMatch;
      if (!button || !booking || !same || !CONFIRMABLE.has(booking.status)) {
        // The booking has moved on, and If-Match keeps the old press from ever
        // taking effect: there is nothing left to ask.
        await this.#client.forget(intent);
      } else if (intent.lastSentAt !== null) {
        const recent = Date.now() - intent.lastSentAt < RESUME_WITHIN;
        if (recent) button.resume(intent);
        else button.markUnanswered();
      }
    }
  }

  /** @param {LiveEvent} event */
  #onEvent(event) {
    this.#desk.onEvent(event);
    const { id, type, data, missed, ...envelope } = event;
    if (type !== "booking.changed" || !data?.booking) return;
    const { booking, by, key_hash: hash } = data;
    this.#client.settle(`${hash} ${booking.id}`, { booking, changed: true });
    const from = data.from ?? this.#bookings.statusAt(booking.id, booking.version - 1);
    this.#bookings.apply(booking);
    const at = /** @type {{occurred_at?: string}} */ (envelope).occurred_at;
    const origin = this.#origins.of(hash);
    this.#activity.add(
      {
        at: at ?? booking.updated_at,
        who: by,
        id: booking.id,
        resource: booking.resource,
        from,
        to: booking.status,
        origin,
      },
      missed && origin !== "tab",
    );
  }

  /** @param {string} reason */
  #onGap(reason) {
    if (reason === "gap") this.#activity.gap();
    void this.#refetch();
  }

  /** @returns {Promise<boolean>} whether all that is shown could be fetched anew */
  async #refetch() {
    const bookings = this.#load().then(() => true, () => false);
    return (await Promise.all([bookings, this.#desk.onGap()])).every(Boolean);
  }

  /** @param {LiveState} state */
  #onLive(state) {
    this.#page.onState(state);
    if (state.state === "live" && !this.#wasLive) {
      this.#wasLive = true;
      // The stream begins where the bookings were fetched. Leads that were fetched
      // before it stood may have changed in between.
      void this.#desk.onGap();
    }
    const isBad = BAD.has(state.state);
    if (isBad !== this.#wasBad && (isBad || state.state === "live")) {
      this.#wasBad = isBad;
      if (isBad) announce("status", CONNECTION.said[state.state] ?? "");
      // Nothing is lost, but a person who saw "may be out of date" wants proof.
      else void this.#refetch().then((fresh) => this.#sayLive(fresh));
    }
  }

  /** Not before it is true. @param {boolean} fresh */
  #sayLive(fresh) {
    if (this.#wasBad || this.#closed) return;
    announce("status", CONNECTION.said[fresh ? "live" : "stale"] ?? "");
  }

  /**
   * What the server's events call this request: its key's hash, and the booking,
   * since confirming one can also end the lapsed hold of another.
   *
   * @param {Intent} intent
   */
  async #nameOf(intent) {
    const hash = await storageKey({
      scope: this.#tenant,
      operation: OPERATION,
      key: intent.key,
    });
    if (hash === null) return null;
    const short = hash.slice(0, 8);
    this.#origins.add(short);
    return `${short} ${bookingOf(intent)}`;
  }
}

/** @param {Intent} intent @returns {string} */
function bookingOf(intent) {
  return JSON.parse(intent.body).booking_id;
}
