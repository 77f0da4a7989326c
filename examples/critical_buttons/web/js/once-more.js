// @ts-check
/** Fetching what others change meanwhile. */

/**
 * Does something one at a time, and once more if asked meanwhile: who asks while it
 * runs wants what holds now, which a request that has left already may not bring.
 *
 * @template T
 */
export class OnceMore {
  #work;
  #again = false;
  /** @type {Promise<T>|null} */
  #running = null;

  /** @param {() => Promise<T>} work */
  constructor(work) {
    this.#work = work;
  }

  /**
   * @returns {Promise<T>} what came of the last time; whoever asks meanwhile gets
   *   the same promise
   */
  run() {
    if (this.#running) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#untilNobodyAsks().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #untilNobodyAsks() {
    for (;;) {
      this.#again = false;
      try {
        const found = await this.#work();
        if (!this.#again) return found;
      } catch (error) {
        if (!this.#again) throw error;
      }
    }
  }
}
