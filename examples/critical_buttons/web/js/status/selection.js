// @ts-check
/** Which leads are selected; a lead is in it once, however often it was named. */

/** Dispatches `change`. */
export class Selection extends EventTarget {
  /** @type {Set<string>} */
  #ids = new Set();
  /** Another number after every change. */
  revision = 0;

  get size() {
    return this.#ids.size;
  }

  /** In the order in which they were selected. */
  ids() {
    return [...this.#ids];
  }

  /** @param {string} id */
  has(id) {
    return this.#ids.has(id);
  }

  /** @param {Iterable<string>} ids @param {boolean} on */
  set(ids, on) {
    const before = this.#ids.size;
    for (const id of ids) {
      if (on) this.#ids.add(id);
      else this.#ids.delete(id);
    }
    if (this.#ids.size !== before) this.#told();
  }

  /** Exactly these. @param {Iterable<string>} ids */
  replace(ids) {
    this.#ids = new Set(ids);
    this.#told();
  }

  #told() {
    this.revision += 1;
    this.dispatchEvent(new Event("change"));
  }
}
