// @ts-check
/** What the page knows of one kind of thing, each in its newest version. */

/**
 * Dispatches `list` when all were replaced and `change` (detail: the thing) when one
 * was superseded.
 *
 * @template {{id: string, version: number}} T
 */
export class Store extends EventTarget {
  /** @type {Map<string, T>} */
  #known = new Map();
  /** What came by events while a list was being fetched. @type {Map<string, T>|null} */
  #meanwhile = null;

  /** @returns {T[]} */
  all() {
    return [...this.#known.values()];
  }

  /** @param {string} id */
  get(id) {
    return this.#known.get(id);
  }

  /**
   * Take over a whole list.
   *
   * The list is the truth, also where it has a lower version than is known (the
   * demo was started anew); only what an event brought while it was on its way
   * may be newer.
   *
   * @param {() => Promise<T[]>} fetchList
   */
  async load(fetchList) {
    const meanwhile = new Map();
    this.#meanwhile = meanwhile;
    /** @type {T[]} */
    let list;
    try {
      list = await fetchList();
    } finally {
      if (this.#meanwhile === meanwhile) this.#meanwhile = null;
    }
    this.#known = new Map(list.map((each) => [each.id, each]));
    for (const each of list) this.note(each);
    for (const each of meanwhile.values()) this.#put(each);
    this.dispatchEvent(new Event("list"));
  }

  /** Take over one thing unless what is known supersedes it. @param {T} one */
  apply(one) {
    this.#meanwhile?.set(one.id, one);
    if (this.#put(one)) this.dispatchEvent(new CustomEvent("change", { detail: one }));
  }

  /** Whether *next* is news. @protected @param {T} known @param {T} next */
  supersedes(known, next) {
    return next.version > known.version;
  }

  /** Something was seen, new or not. @protected @param {T} _seen */
  note(_seen) {}

  /** @param {T} one */
  #put(one) {
    this.note(one);
    const known = this.#known.get(one.id);
    if (known && !this.supersedes(known, one)) return false;
    this.#known.set(one.id, one);
    return true;
  }
}
