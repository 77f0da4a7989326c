// @ts-check
/**
 * How many segments a text takes on the air: the server's figures, while one types.
 *
 * A text of GSM 7-bit characters only fits 160 units into one segment, or 153 into
 * each of several; any other character turns the whole text into UCS-2 with 70, or
 * 67. An escape pair or a surrogate pair is never cut in two.
 * Figures: 3GPP TS 23.038 and 23.040.
 *
 * @module
 */

const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
/** An escape and one more: two units each. */
const EXTENSION = new Set("\f^{}\\[~]|€");

const GSM = { encoding: "GSM-7", alone: 160, joined: 153 };
const UCS = { encoding: "UCS-2", alone: 70, joined: 67 };

/**
 * @typedef {object} Segments
 * @property {string} encoding `GSM-7` or `UCS-2`
 * @property {number} units septets of GSM-7, or 16-bit units of UCS-2
 * @property {number} count 1 for the empty text
 * @property {number} room units that fit into so many segments
 * @property {string|null} forcedBy first character that GSM-7 does not have
 */

/** @param {string} text @returns {Segments} */
export function segments(text) {
  const characters = [...text];
  const forcedBy =
    characters.find((each) => !BASIC.has(each) && !EXTENSION.has(each)) ?? null;
  const { encoding, alone, joined } = forcedBy === null ? GSM : UCS;
  const costs = characters.map((each) =>
    forcedBy === null ? (EXTENSION.has(each) ? 2 : 1) : each.length,
  );
  const units = costs.reduce((sum, cost) => sum + cost, 0);
  const count = units <= alone ? 1 : packed(costs, joined);
  return { encoding, units, count, room: count === 1 ? alone : count * joined, forcedBy };
}

/** @param {number[]} costs @param {number} joined */
function packed(costs, joined) {
  let count = 1;
  let room = joined;
  for (const cost of costs) {
    if (cost > room) {
      count += 1;
      room = joined;
    }
    room -= cost;
  }
  return count;
}

/** A character as one can recognise it, also where there is nothing to see.
 * @param {string} character */
export function named(character) {
  const code = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  return /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character) ? `“${character}”` : code;
}
