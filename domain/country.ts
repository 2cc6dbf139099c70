/**
 * Whatever the events call a country is one, so that a country is asked for letter by letter; but two letters are
 * meant as the ISO code, too, in whichever case they were typed. The code is last.
 */
export function countrySpellings(text: string): readonly string[] {
  const code = text.toUpperCase();
  return /^[A-Za-z]{2}$/.test(text) && text !== code ? [text, code] : [text];
}
