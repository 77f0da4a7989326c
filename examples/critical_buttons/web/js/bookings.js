// @ts-check
/** The bookings the page knows, each in its newest version. */

/**
 * @typedef {object} Booking
 * @property {string} id
 * @property {string} status
 * @property {string} resource
 * @property {string} customer
 * @property {string} starts_at
 * @property {string} ends_at
 * @property {string} time_zone
 * @property {string} [local_time]
 * @property {string|null} expires_at
 * @property {number} version
 * @property {string} updated_at
 */

/**
 * Dispatches `list` when all were replaced and `change` (detail: Booking) when
 * one has a newer version.
 */
export class Bookings extends EventTarget {
  /** @type {Map<string, Booking>} */
  #known = new Map();
  /** What came by events while a list was being fetched. @type {Map<string, Booking>|null} */
  #meanwhile = null;
  /** Status by id and version, to say what a change came from. @type {Map<string, string>} */
  #statuses = new Map();

  /** @returns {Booking[]} */
  all() {
    return [...this.#known.values()];
  }

  /** @param {string} id */
  get(id) {
    return this.#known.get(id);
  }

  /** What the booking was at *version*, if the page has seen that.
   * @param {string} id @param {number} version */
  statusAt(id, version) {
    return this.#statuses.get(`${id} ${version}`);
  }

  /**
   * Take over a whole list.
   *
   * The list is the truth, also where it has a lower version than is known (the
   * demo was started anew); only what an event brought while it was on its way
   * may be newer.
   *
   * @param {() => Promise<Booking[]>} fetchList
   */
  async load(fetchList) {
    const meanwhile = new Map();
    this.#meanwhile = meanwhile;
    /** @type {Booking[]} */
    let list;
    try {
      list = await fetchList();
    } finally {
      if (this.#meanwhile === meanwhile) this.#meanwhile = null;
    }
    this.#known = new Map(list.map((booking) => [booking.id, booking]));
    for (const booking of list) this.#note(booking);
    for (const booking of meanwhile.values()) this.#put(booking);
    this.dispatchEvent(new Event("list"));
  }

  /** Take over one booking unless a newer version is known. @param {Booking} booking */
  apply(booking) {
    this.#meanwhile?.set(booking.id, booking);
    if (this.#put(booking)) {
      this.dispatchEvent(new CustomEvent("change", { detail: booking }));
    }
  }

  /** @param {Booking} booking */
  #put(booking) {
    this.#note(booking);
    const known = this.#known.get(booking.id);
    if (known && known.version >= booking.version) return false;
    this.#known.set(booking.id, booking);
    return true;
  }

  /** @param {Booking} booking */
  #note({ id, version, status }) {
    this.#statuses.set(`${id} ${version}`, status);
  }
}
