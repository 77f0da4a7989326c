// @ts-check
/** The reads of the page. Everything that changes something goes elsewhere. */

/** @typedef {import("./bookings.js").Booking} Booking */

/**
 * @typedef {object} AuditEntry
 * @property {number|string} id
 * @property {string} at
 * @property {string} actor_id
 * @property {string} entity_id
 * @property {string} from
 * @property {string} to
 * @property {string|null} key_hash
 */

/** How long a read may take before it counts as failed. */
const TIMEOUT = 15_000;

/** Reads one tenant's data. */
export class Api {
  #tenant;

  /** @param {string} tenant */
  constructor(tenant) {
    this.#tenant = tenant;
  }

  /** What every request of this tenant carries. */
  get headers() {
    return { "X-Tenant": this.#tenant };
  }

  /** @returns {Promise<{bookings: Booking[], cursor: string|null}>} */
  async bookings() {
    const { body, response } = await this.#get("/api/bookings");
    return { bookings: body, cursor: response.headers.get("X-Realtime-Cursor") };
  }

  /** @param {string} id @returns {Promise<Booking>} */
  async booking(id) {
    return (await this.#get(`/api/bookings/${encodeURIComponent(id)}`)).body;
  }

  /** Newest first. @param {number} limit @returns {Promise<AuditEntry[]>} */
  async audit(limit) {
    return (await this.#get(`/api/audit?limit=${limit}`)).body;
  }

  /** @param {string} path */
  async #get(path) {
    const response = await fetch(path, {
      headers: { Accept: "application/json", ...this.headers },
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status}`);
    return { body: await response.json(), response };
  }
}

/**
 * The entity tag of a booking at a version, as the server writes it.
 *
 * @param {Pick<Booking, "id"|"version">} booking
 */
export function etagOf({ id, version }) {
  const escaped = encodeURIComponent(id).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `"booking-${escaped}.${version}"`;
}
