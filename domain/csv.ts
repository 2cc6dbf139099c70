/**
 * One field as RFC 4180 has it: quoted only where it must be, otherwise letter by letter. Nothing is put in front of
 * `=`, which a spreadsheet may take for a formula: programs compare these URLs with the index's.
 */
function csvField(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** One line, without its end. */
export const csvLine = (values: readonly string[]): string => values.map(csvField).join(',');
