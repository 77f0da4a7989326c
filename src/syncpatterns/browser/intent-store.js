// @ts-check
/**
 * Where the keys of unanswered requests are kept: IndexedDB, shared by all tabs.
 *
 * A key must outlive the tab that minted it. Suppose the tab dies after the
 * server committed and before the answer came: with the key still stored, the
 * next press of the same button asks under the same key and is told "already
 * done"; with a new key it would do the thing again.
 *
 * @module
 */

/**
 * @typedef {object} Intent one wish of the user, and its key
 * @property {string} id what is wished: see `intentOf`
 * @property {string} key the idempotency key
 * @property {string} scope tenant or user that the wish belongs to
 * @property {string} method
 * @property {string} url
 * @property {string} body the exact text that is sent with this key
 * @property {string} ifMatch the ETag the user was looking at, or ""
 * @property {number} mintedAt ms since 1970
 * @property {number|null} firstSentAt null while certainly nothing was sent
 * @property {number|null} lastSentAt
 */

const DATABASE = "syncpatterns";
const STORE = "intents";
const DAY = 86_400_000;

/** A key that never left is of no use after a day: a new one does no harm. */
const KEEP_UNSENT = DAY;
/** One that left is kept as long as a server keeps an unknown outcome. */
const KEEP_SENT = 30 * DAY;

/**
 * Keeps intents in IndexedDB; in memory where that is not to be had
 * (`durable` is false then: a reload forgets what was in flight).
 */
export class IntentStore {
  /** @type {Promise<IDBDatabase|null>|null} */
  #database = null;
  /** @type {Map<string, Intent>} */
  #memory = new Map();
  #now;
  #name;
  #factory;

  /** False once IndexedDB was found missing, blocked or broken. */
  durable = true;

  /**
   * @param {{name?: string, now?: () => number, factory?: IDBFactory|null}} [options]
   */
  constructor({ name = DATABASE, now = Date.now, factory } = {}) {
    this.#name = name;
    this.#now = now;
    this.#factory = factory === undefined ? globalThis.indexedDB : factory;
  }

  /**
   * The stored intent of the same wish, or *fresh* after storing it.
   *
   * One transaction: two tabs that press at once get one key.
   *
   * @param {Intent} fresh
   * @returns {Promise<Intent>}
   */
  take(fresh) {
    return this.#write((store, done) => {
      const request = store.get(fresh.id);
      request.onsuccess = () => {
        if (request.result === undefined) store.put(fresh);
        done(request.result ?? fresh);
      };
    }, () => {
      const found = this.#memory.get(fresh.id) ?? fresh;
      this.#memory.set(fresh.id, found);
      return found;
    });
  }

  /**
   * Note that a request with this key is about to leave.
   *
   * Written before it leaves, so that nobody says "nothing was sent" of a
   * request that was cut off in flight.
   *
   * @param {Intent} intent
   * @returns {Promise<Intent>}
   */
  leaving(intent) {
    const now = this.#now();
    const sent = { ...intent, firstSentAt: intent.firstSentAt ?? now, lastSentAt: now };
    return this.#write((store, done) => {
      const request = store.get(intent.id);
      request.onsuccess = () => {
        const stored = request.result;
        // Another tab may have had the answer meanwhile: its record is gone.
        const same = stored === undefined || stored.key === intent.key;
        if (same) {
          sent.firstSentAt = stored?.firstSentAt ?? sent.firstSentAt;
          store.put(sent);
        }
        done(sent);
      };
    }, () => {
      this.#memory.set(intent.id, sent);
      return sent;
    });
  }

  /**
   * Forget the wish, unless it has got another key meanwhile.
   *
   * @param {Pick<Intent, "id"|"key">} intent
   * @returns {Promise<void>}
   */
  forget(intent) {
    return this.#write((store, done) => {
      const request = store.get(intent.id);
      request.onsuccess = () => {
        if (request.result?.key === intent.key) store.delete(intent.id);
        done(undefined);
      };
    }, () => {
      if (this.#memory.get(intent.id)?.key === intent.key) this.#memory.delete(intent.id);
    });
  }

  /**
   * The unanswered intents of *scope*, oldest first; drops what is too old.
   *
   * @param {string} scope
   * @returns {Promise<Intent[]>}
   */
  async pending(scope) {
    /** @type {Intent[]} */
    const all = await this.#write((store, done) => {
      const request = store.getAll();
      request.onsuccess = () => {
        for (const intent of request.result) {
          if (this.#stale(intent)) store.delete(intent.id);
        }
        done(request.result);
      };
    }, () => [...this.#memory.values()]);
    return all
      .filter((intent) => intent.scope === scope && !this.#stale(intent))
      .sort((a, b) => a.mintedAt - b.mintedAt);
  }

  /** @param {Intent} intent */
  #stale(intent) {
    const since = intent.lastSentAt ?? intent.mintedAt;
    const keep = intent.firstSentAt === null ? KEEP_UNSENT : KEEP_SENT;
    return this.#now() - since > keep;
  }

  /**
   * @template T
   * @param {(store: IDBObjectStore, done: (value: any) => void) => void} work
   * @param {() => T} otherwise
   * @returns {Promise<T>}
   */
  async #write(work, otherwise) {
    this.#database ??= this.#open();
    const database = await this.#database;
    if (database === null) return otherwise();
    try {
      return await transact(database, work);
    } catch {
      // Quota, a private window that lost its store, a database deleted under
      // us: the press must go on, and `durable` says what is lost.
      this.durable = false;
      this.#database = Promise.resolve(null);
      return otherwise();
    }
  }

  /** @returns {Promise<IDBDatabase|null>} */
  async #open() {
    try {
      if (!this.#factory) throw new Error("no IndexedDB");
      const database = await openDatabase(this.#factory, this.#name);
      // A newer page wants to upgrade: let go, and open again when next needed.
      database.onversionchange = () => {
        database.close();
        this.#database = null;
      };
      return database;
    } catch {
      this.durable = false;
      return null;
    }
  }
}

/** @param {IDBFactory} factory @param {string} name @returns {Promise<IDBDatabase>} */
function openDatabase(factory, name) {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, 1);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore(STORE, { keyPath: "id" });
      store.createIndex("key", "key", { unique: true });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another tab holds an older database"));
  });
}

/**
 * @template T
 * @param {IDBDatabase} database
 * @param {(store: IDBObjectStore, done: (value: T) => void) => void} work
 * @returns {Promise<T>}
 */
function transact(database, work) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
    /** @type {T} */
    let result;
    transaction.oncomplete = () => resolve(result);
    transaction.onabort = () => reject(transaction.error);
    work(transaction.objectStore(STORE), (value) => {
      result = value;
    });
  });
}
