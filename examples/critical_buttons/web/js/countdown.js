// @ts-check
/** Counting down to a moment, by the clock and not by ticks. */

/**
 * Call *show* with the seconds left, at once and every second.
 *
 * A tab in the background gets few ticks; each of them looks at the clock, so the
 * figure is right whenever it is seen.
 *
 * @param {number} until ms since 1970
 * @param {(seconds: number) => void} show
 * @returns {() => void} stops it
 */
export function ticking(until, show) {
  const tick = () => show(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
  tick();
  const timer = setInterval(tick, 1000);
  return () => clearInterval(timer);
}

/** Minutes and seconds: 277 is "4:37". @param {number} seconds */
export function untilText(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
