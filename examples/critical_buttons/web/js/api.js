// @ts-check
/** What the page asks the server, but for the critical actions themselves. */

/** @typedef {import("./bookings.js").Booking} Booking */
/** @typedef {import("./sms/leads.js").Lead} Lead */
/** @typedef {import("./sms/leads.js").Message} Message */
/** @typedef {import("./sms/service.js").Settled} Settled */

/**
 * @typedef {object} Breaker
 * @property {string} name
 * @property {string} state `closed`, `open` or `half-open`
 * @property {number} failures within the window
 * @property {number} threshold
 * @property {number} window_s
 * @property {number} retry_after_s
 * @property {boolean} isolated
 */

/**
 * @typedef {object} Unresolved
 * @property {string} key_hash
 * @property {string} operation
 * @property {string} since
 * @property {number} attempts
 */

/**
 * @typedef {object} AuditEntry
 * @property {number|string} id
 * @property {string} at
 * @property {string} actor_id
 * @property {string} [entity_type] a booking, if it is not said
 * @property {string} entity_id
 * @property {string} [action]
 * @property {string} from
 * @property {string} to
 * @property {string|null} key_hash
 * @property {string|null} [bulk_id]
 */

/** How long a read may take before it counts as failed. */
const TIMEOUT = 15_000;
/** Leads fetched at once. */
const PAGE = 200;

/** One tenant's data. */
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

  /** All leads, page by page. @returns {Promise<Lead[]>} */
  async leads() {
    /** @type {Lead[]} */
    const all = [];
    for (let after = ""; ; ) {
      const next = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
      /** @type {Lead[]} */
      const page = (await this.#get(`/api/leads?limit=${PAGE}${next}`)).body;
      const last = page[page.length - 1]?.id ?? "";
      // A server that ignores `after` must not keep the page asking for ever.
      if (page.length > 0 && last === after) return all;
      all.push(...page);
      if (page.length < PAGE) return all;
      after = last;
    }
  }

  /** Newest first. @param {string} leadId @returns {Promise<Message[]>} */
  async history(leadId) {
    return (await this.#get(`/api/leads/${encodeURIComponent(leadId)}/sms-history`)).body;
  }

  /** Newest first. @param {string} leadId
   * @returns {Promise<import("./status/trail.js").Line[]>} */
  async leadAudit(leadId) {
    return (await this.#get(`/api/leads/${encodeURIComponent(leadId)}/audit`)).body;
  }

  /** Which status may follow which.
   * @returns {Promise<import("./status/pipeline.js").Table>} */
  async transitions() {
    return (await this.#get("/api/leads/transitions")).body;
  }

  /** All leads as a file. @returns {Promise<Blob>} */
  async exported() {
    const response = await fetch("/api/leads/export.csv", {
      headers: this.headers,
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (!response.ok) throw new Error(`GET export.csv: ${response.status}`);
    return response.blob();
  }

  /** @returns {Promise<Breaker[]>} */
  async breakers() {
    return (await this.#get("/api/breakers")).body;
  }

  /** @returns {Promise<Unresolved[]>} */
  async unresolved() {
    return (await this.#get("/api/unresolved")).body;
  }

  /** @param {string} hash @param {string} verdict @returns {Promise<Settled>} */
  resolve(hash, verdict) {
    return this.#post(`/api/unresolved/${encodeURIComponent(hash)}/resolve`, { verdict });
  }

  /** Whether the server lets demo faults be switched. @returns {Promise<boolean>} */
  async hasFaults() {
    return (await this.#get("/api/health")).body.chaos === true;
  }

  /** @returns {Promise<any>} what is switched at the provider */
  async faults() {
    return (await this.#get("/api/chaos/provider")).body;
  }

  /** @param {"provider"|"breaker"|"inbound"} what @param {object} body */
  fault(what, body) {
    return this.#post(`/api/chaos/${what}`, body);
  }

  /** @param {string} path @param {object} body */
  async #post(path, body) {
    const response = await fetch(path, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json", ...this.headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (!response.ok) throw new Error(`POST ${path}: ${response.status}`);
    return response.json();
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
