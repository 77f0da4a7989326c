// @ts-check
/**
 * The name under which a server stores a key, for telling one's own events.
 *
 * @module
 */

/**
 * SHA-256 over the length-prefixed parts, as 64 hex digits: what the Python
 * side stores, and whose first 8 digits it shows in events and the audit log.
 *
 * @param {{namespace?: string, scope: string, operation: string, key: string}} parts
 * @returns {Promise<string|null>} null where the page has no Web Crypto (plain
 *   HTTP to another host)
 */
export async function storageKey({ namespace = "", scope, operation, key }) {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) return null;
  const encoder = new TextEncoder();
  /** @type {number[]} */
  const bytes = [];
  for (const part of [namespace, scope, operation, key]) {
    const encoded = encoder.encode(part);
    bytes.push(...encoder.encode(`${encoded.length}:`), ...encoded);
  }
  const hash = await subtle.digest("SHA-256", new Uint8Array(bytes));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
