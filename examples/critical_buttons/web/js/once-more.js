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
    return (this.#running = this.#untilNobodyAsks());
  }

  async #untilNobodyAsks() {
    // So that run() has noted this promise before any work can end.
    await null;
    for (;;) {
      this.#again = false;
      try {
        const found = await this.#work();
        if (!this.#again) return this.#over(found);
      } catch (error) {
        if (!this.#again) throw this.#over(error);
      }
    }
  }

  /**
   * It runs no more, from the moment at which nobody was seen asking. A turn later,
   * whoever asked in between would be noted in a run that looks no more, and get what
   * was fetched before.
   *
   * @template E
   * @param {E} came
   */
  #over(came) {
    this.#running = null;
    return came;
  }
}
