// @ts-check
/** The audit log as lines of the live feed: what happened before the page was opened. */

/** @typedef {import("./activity.js").Entry} Entry */
/** @typedef {import("./api.js").AuditEntry} AuditEntry */
/** @typedef {import("./origin.js").Origin} Origin */

/** What the audit log's actions are to the feed.
 * @type {Readonly<Record<string, "sms"|"consent"|"lead">>} */
const KIND_OF = Object.freeze({
  "sms.send": "sms",
  "consent.change": "consent",
  "lead.status": "lead",
});

/**
 * One line for each change, and one for each bulk.
 *
 * @param {AuditEntry[]} audit newest first
 * @param {object} known
 * @param {number} known.limit how many were asked for
 * @param {(id: string) => string} known.resourceOf a booking's room
 * @param {(id: string) => string} known.nameOf a lead's name, or its id
 * @param {(hash: string|null) => Origin} known.originOf
 * @returns {Entry[]}
 */
export function pastEntries(audit, { limit, resourceOf, nameOf, originOf }) {
  /** @type {{bulk: string|null, entry: Entry}[]} */
  const lines = [];
  for (const { at, actor_id: who, entity_id, action, from, to, key_hash, bulk_id } of audit) {
    const bulk = bulk_id ?? null;
    const newest = lines[lines.length - 1];
    if (bulk !== null && newest?.bulk === bulk) {
      const { from: _, ...entry } = newest.entry;
      newest.entry = { ...entry, count: (entry.count ?? 1) + 1 };
      continue;
    }
    const kind = KIND_OF[action ?? ""] ?? "booking";
    const resource = resourceOf(entity_id);
    const id = kind === "booking" ? entity_id : nameOf(entity_id);
    /** @type {Entry} */
    const entry = { at, who, id, kind, resource, from, to, origin: originOf(key_hash) };
    lines.push({ bulk, entry });
  }
  const last = lines[lines.length - 1];
  // Where the log was cut, the bulk may have been longer.
  if (last && last.bulk !== null && audit.length === limit) {
    last.entry = { ...last.entry, cut: true };
  }
  return lines.map(({ entry }) => entry);
}
