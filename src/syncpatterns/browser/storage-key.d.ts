/**
 * The name under which a server stores a key, for telling one's own events.
 *
 * @module
 */
/**
 * SHA-256 over the length-prefixed parts, as 64 hex digits: what the Python
 * side stores, and whose first 8 digits it shows in events and the audit log.
 *
 * @returns null where the page has no Web Crypto (plain
 *   HTTP to another host)
 */
export declare function storageKey({ namespace, scope, operation, key }: {
  namespace?: string;
  scope: string;
  operation: string;
  key: string;
}): Promise<string | null>;
