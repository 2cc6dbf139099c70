/** Uuids as text, `8-4-4-4-12` hex digits of either case, and their 16 bytes. */

const LENGTH = 36;
const isHyphen = (at: number): boolean => at === 8 || at === 13 || at === 18 || at === 23;

/** The value of a hex digit by its character code; 255 for all others. */
const HEX = (() => {
  const values = new Uint8Array(256).fill(255);
  for (let digit = 0; digit < 16; digit++)
    for (const character of [digit.toString(16), digit.toString(16).toUpperCase()])
      values[character.charCodeAt(0)] = digit;
  return values;
})();

/** Undefined when the text is no uuid. */
export function uuidBytes(text: string): Uint8Array | undefined {
  if (text.length !== LENGTH) return undefined;
  const bytes = new Uint8Array(16);
  let filled = 0;
  for (let at = 0; at < LENGTH;) {
    if (isHyphen(at)) {
      if (text.charCodeAt(at) !== 45) return undefined;
      at++;
      continue;
    }
    // A character beyond the table has no entry.
    const high = HEX[text.charCodeAt(at)] ?? 255;
    const low = HEX[text.charCodeAt(at + 1)] ?? 255;
    if (high > 15 || low > 15) return undefined;
    bytes[filled++] = (high << 4) | low;
    at += 2;
  }
  return bytes;
}
