// @ts-check
/**
 * The two live regions of the page. The polite one is also seen, as a toast; what
 * the other one says stands on a card beside the button that was pressed.
 */

/** How long a message stays. */
const SHOWN = { status: 6000, alert: 10_000 };

/** @type {Record<string, ReturnType<typeof setTimeout>>} */
const timers = {};

/**
 * Say *text* once.
 *
 * @param {"status"|"alert"} level status waits for a pause, alert interrupts
 * @param {string} text
 */
export function announce(level, text) {
  const region = document.getElementById(level);
  if (!region) return;
  clearTimeout(timers[level]);
  region.replaceChildren();
  // "Moving 400 leads" must not be seen beside a card that says how it ended.
  if (level === "alert") document.getElementById("status")?.replaceChildren();
  // The same words again are news too: a region must change to be read.
  const line = document.createElement("p");
  line.textContent = text;
  region.append(line);
  timers[level] = setTimeout(() => region.replaceChildren(), SHOWN[level]);
}
