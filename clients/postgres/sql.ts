/** A name as PostgreSQL wants it in a statement; every name that comes from configuration goes through here. */
export function quoteIdent(name: string): string {
  if (name.includes('\0')) throw new Error('a PostgreSQL name cannot hold a NUL');
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text literal, for the few statements that take no parameters (DDL). */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new Error('a PostgreSQL literal cannot hold a NUL');
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** Names as a list of columns; `table` with its dot goes in front of each. */
export const quoteList = (columns: readonly string[], table = ''): string =>
  columns.map((c) => `${table}${quoteIdent(c)}`).join(', ');
