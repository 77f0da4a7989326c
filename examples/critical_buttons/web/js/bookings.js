// @ts-check
/** The bookings the page knows, each in its newest version. */

import { Store } from "./store.js";

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

/** @extends {Store<Booking>} */
export class Bookings extends Store {
  /** Status by id and version, to say what a change came from. @type {Map<string, string>} */
  #statuses = new Map();

  /** What the booking was at *version*, if the page has seen that.
   * @param {string} id @param {number} version */
  statusAt(id, version) {
    return this.#statuses.get(`${id} ${version}`);
  }

  /** @protected @override @param {Booking} booking */
  note({ id, version, status }) {
    this.#statuses.set(`${id} ${version}`, status);
  }
}
