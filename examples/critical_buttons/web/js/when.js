// @ts-check
/** Instants as people read them: in the booking's own zone, or the reader's. */

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string|undefined} zone @param {Intl.DateTimeFormatOptions} options */
function format(zone, options) {
  const name = `${zone} ${JSON.stringify(options)}`;
  let found = formats.get(name);
  if (found === undefined) {
    found = new Intl.DateTimeFormat("en-GB", zone ? { ...options, timeZone: zone } : options);
    formats.set(name, found);
  }
  return found;
}

/** @type {Intl.DateTimeFormatOptions} */
const DAY = { weekday: "short", day: "numeric", month: "short" };
/** Further away than this, a day is not known without its year. */
const HALF_A_YEAR = 183 * 86_400_000;
/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: "2-digit", minute: "2-digit" };

/**
 * Day, span and zone of a booking, as clocks at its place show them.
 *
 * @param {{starts_at: string, ends_at: string, time_zone: string, local_time?: string}} slot
 * @returns {{day: string, span: string, zone: string}}
 */
export function slotParts({ starts_at, ends_at, time_zone, local_time }) {
  const start = new Date(starts_at);
  const end = new Date(ends_at);
  try {
    const far = Math.abs(start.getTime() - Date.now()) > HALF_A_YEAR;
    const style = far ? { ...DAY, year: /** @type {const} */ ("numeric") } : DAY;
    const day = format(time_zone, style).format(start).replace(",", "");
    const span = format(time_zone, CLOCK).formatRange(start, end).replace(/\s*–\s*/, "–");
    return { day, span, zone: `${placeOf(time_zone)} · ${offset(start, time_zone)}` };
  } catch {
    // A zone newer than this browser: the server's own text is right.
    return { day: local_time ?? starts_at, span: "", zone: time_zone };
  }
}

/**
 * A free slot in one line.
 *
 * @param {{starts_at: string, ends_at: string, time_zone: string, local_time?: string}} slot
 */
export function slotTime(slot) {
  const { day, span } = slotParts(slot);
  return `${day}, ${span}`;
}

/** Clock time of the reader. @param {string|number} instant */
export function timeOfDay(instant) {
  return format(undefined, CLOCK).format(new Date(instant));
}

/** Clock time of the reader, to the second. @param {string|number} instant */
export function timeToSecond(instant) {
  return format(undefined, { ...CLOCK, second: "2-digit" }).format(new Date(instant));
}

/** Time, with the day where it is another one. @param {string} instant */
export function soon(instant) {
  const date = new Date(instant);
  const today = date.toDateString() === new Date().toDateString();
  if (today) return timeOfDay(instant);
  return format(undefined, { day: "numeric", month: "short", ...CLOCK }).format(date);
}

/** @param {Date} instant @param {string} zone */
function offset(instant, zone) {
  const parts = format(zone, { timeZoneName: "shortOffset" }).formatToParts(instant);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}

/** @param {string} zone */
function placeOf(zone) {
  return (zone.split("/").pop() ?? zone).replaceAll("_", " ");
}
