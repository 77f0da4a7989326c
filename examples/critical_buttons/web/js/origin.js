// @ts-check
/** Whose press an event comes from: this tab's, this browser's, or elsewhere's. */

/** @typedef {"tab"|"browser"|"elsewhere"} Origin */

const STORED = "key-hashes";
const KEPT = 300;

/** Remembers the hashes of the keys this browser has sent; never the keys. */
export class Origins {
  #tab = tabId();
  /** @type {[string, string][]} hash and tab, newest last */
  #sent = [];
  #channel = new BroadcastChannel("critical-buttons.origins");

  constructor() {
    this.#sent = read();
    // Storage reaches other processes late; a message is there before the event.
    this.#channel.onmessage = ({ data }) => this.#keep(data);
  }

  /** This tab is about to send a key with this hash. @param {string} hash */
  add(hash) {
    if (this.#sent.some(([known]) => known === hash)) return;
    this.#keep([hash, this.#tab]);
    this.#channel.postMessage([hash, this.#tab]);
    try {
      localStorage.setItem(STORED, JSON.stringify(this.#sent));
    } catch {
      // Full or blocked: after a reload this browser's rows read "elsewhere".
    }
  }

  /** @param {string|null|undefined} hash @returns {Origin} */
  of(hash) {
    const found = this.#sent.find(([known]) => known === hash);
    if (!found) return "elsewhere";
    return found[1] === this.#tab ? "tab" : "browser";
  }

  /** @param {[string, string]} entry */
  #keep(entry) {
    this.#sent = [...this.#sent, entry].slice(-KEPT);
  }
}

/** @returns {[string, string][]} */
function read() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED) ?? "[]");
    return Array.isArray(stored) ? stored.slice(-KEPT) : [];
  } catch {
    return [];
  }
}

/** Survives a reload; a duplicated tab shares it until it is closed. */
function tabId() {
  try {
    const known = sessionStorage.getItem("tab");
    if (known) return known;
    const fresh = crypto.randomUUID();
    sessionStorage.setItem("tab", fresh);
    return fresh;
  } catch {
    return crypto.randomUUID();
  }
}
