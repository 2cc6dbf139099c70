import { displayWidth, cut } from './width.js';

export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Longer cells end in an ellipsis; in columns of the terminal. */
  readonly max?: number;
  /** Gets what the others leave of the table's width, but at least so many columns, and longer cells end in an ellipsis. */
  readonly fillFrom?: number;
}

// eslint-disable-next-line no-control-regex -- the control characters are what it is about
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/**
 * Text from outside, safe on a terminal: a URL that carries escape sequences, direction marks or what cannot be seen
 * shows them as `\u{1b}` instead of acting on them.
 */
export const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);

const GAP = '  ';

const pad = (cell: string, width: number, align: TableColumn['align']): string => {
  const blanks = ' '.repeat(Math.max(0, width - displayWidth(cell)));
  return align === 'right' ? blanks + cell : cell + blanks;
};

/**
 * Aligned columns with two spaces between them; no space at a line's end.
 * @param width columns of the terminal, for a column that fills
 */
export function table(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width = Infinity,
): string {
  const titles = columns.map((column) => column.title);
  const body = rows.map((row) => columns.map(({ max }, i) => cut(printable(row[i] ?? ''), max ?? Infinity)));
  const widest = (i: number): number =>
    [titles, ...body].reduce((most, line) => Math.max(most, displayWidth(line[i] ?? '')), 0);
  const natural = columns.map((_, i) => widest(i));
  const others = natural.reduce((sum, n, i) => sum + (columns[i]?.fillFrom === undefined ? n : 0), 0);
  const left = width - others - GAP.length * (columns.length - 1);
  const widths = columns.map(({ fillFrom }, i) =>
    fillFrom === undefined ? (natural[i] ?? 0) : Math.min(natural[i] ?? 0, Math.max(fillFrom, left)),
  );
  return [titles, ...body]
    .map((line) =>
      columns
        .map(({ align }, i) => pad(cut(line[i] ?? '', widths[i] ?? 0), widths[i] ?? 0, align))
        .join(GAP)
        .trimEnd(),
    )
    .join('\n');
}
