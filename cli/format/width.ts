/** How much room text takes on a terminal. */

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const PLAIN = /^[\u0020-\u007e]*$/;
/** East Asian wide and full-width forms (Unicode's UAX 11), and what is shown as a picture. */
const WIDE =
  /^(?:\p{Emoji_Presentation}|.\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}])/u;
const NO_WIDTH = /^\p{Mark}+$/u;

function* graphemes(text: string): Generator<{ readonly segment: string; readonly width: number }> {
  for (const { segment } of GRAPHEMES.segment(text))
    yield { segment, width: WIDE.test(segment) ? 2 : NO_WIDTH.test(segment) ? 0 : 1 };
}

/** Columns of a terminal that printable text takes. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const grapheme of graphemes(text)) width += grapheme.width;
  return width;
}

/** Text of at most `max` columns; a longer one has an ellipsis at its end. */
export function cut(text: string, max: number): string {
  if (PLAIN.test(text) ? text.length <= max : text.length * 2 <= max) return text;
  let width = 0;
  let head = '';
  let isWhole = true;
  for (const grapheme of graphemes(text)) {
    width += grapheme.width;
    if (width > max) {
      isWhole = false;
      break;
    }
    if (width < max) head += grapheme.segment;
  }
  return isWhole ? text : `${head}…`;
}
