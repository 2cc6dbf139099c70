export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Longer cells end in an ellipsis. */
  readonly max?: number;
}

// eslint-disable-next-line no-control-regex -- the control characters are what it is about
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text from outside, safe on a terminal: a URL that carries escape sequences or direction marks shows them
 * as `\u{1b}` instead of acting on them.
 */
export const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);

/** At most `max` UTF-16 units, a longer text with an ellipsis at its end. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = text.slice(0, Math.max(0, max - 1));
  return `${/[\ud800-\udbff]$/.test(head) ? head.slice(0, -1) : head}…`;
}

/** Aligned columns with two spaces between them; no space at a line's end. */
export function table(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const body = rows.map((row) => columns.map(({ max }, i) => cut(printable(row[i] ?? ''), max ?? Infinity)));
  const lines = [columns.map((column) => column.title), ...body];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, i) => {
          const width = widths[i] ?? 0;
          return columns[i]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
