import type { Column, ColumnType, Config } from '../../domain/config/config.js';
import { FAMILIES, type Family } from '../../domain/names.js';
import { table, type TableColumn } from '../format/table.js';
import type { ForeseenRecord, Plain } from './present.js';

/** Rows of a table that people are shown; --json has all. */
const SHOWN = 20;
/** Widest cell of a value; --json has the whole. */
const CELL = 40;

/** A table per family, then what does not become a click; empty where there is nothing to show. */
export function foreseenText(config: Config, records: readonly ForeseenRecord[]): string {
  const those = (outcome: ForeseenRecord['outcome']): ForeseenRecord[] =>
    records.filter((record) => record.outcome === outcome);
  const families = FAMILIES.filter((family) => config.families[family].length > 0);
  return [
    ...families.map((family) => familyBlock(family, config.families[family], those('click'))),
    block('dead letters', ['reason', 'field', 'message'], those('dead letter'), (one) => [
      one.reason ?? '',
      one.field ?? '(the whole record)',
      one.message ?? '',
    ]),
    block('duplicates', ['of', 'event_id'], those('duplicate'), (one) => [
      one.of === 'sample' ? 'another record of the sample' : `a ${one.of ?? ''} that is there`,
      one.event_id ?? '',
    ]),
    block('filtered', ['reason'], those('filtered'), (one) => [one.reason ?? '']),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}

function familyBlock(family: Family, columns: readonly Column[], clicks: readonly ForeseenRecord[]): string {
  const own = (one: ForeseenRecord): readonly string[] =>
    family === 'click_data' ? [one.event_id ?? '', one.event_time ?? ''] : [];
  const ownTitles = family === 'click_data' ? ['event_id', 'event_time'] : [];
  return block(family, [...ownTitles, ...columns.map(titled)], clicks, (one) => [
    ...own(one),
    ...columns.map((column) => cell(one.families?.[family][column.name] ?? null)),
  ]);
}

function block(
  name: string,
  columns: readonly (string | TableColumn)[],
  records: readonly ForeseenRecord[],
  cells: (record: ForeseenRecord) => readonly string[],
): string {
  if (records.length === 0) return '';
  const titles = columns.map((column) => (typeof column === 'string' ? { title: column } : column));
  const rows = records.slice(0, SHOWN).map((record) => [place(record), ...cells(record)]);
  const left = records.length - rows.length;
  const more = left > 0 ? `\n… and ${left.toLocaleString('en-US')} more; --json has all` : '';
  return `${name}\n${table([{ title: 'record' }, ...titles], rows)}${more}`;
}

const place = ({ line, partition, offset }: ForeseenRecord): string =>
  line === undefined ? `${partition ?? 0}/${offset ?? 0}` : `line ${line}`;

const NUMBERS: readonly ColumnType[] = ['integer', 'bigint', 'double'];

const titled = (column: Column): TableColumn => ({
  title: column.name,
  max: CELL,
  ...(NUMBERS.includes(column.type) && { align: 'right' as const }),
});

const cell = (value: Plain): string =>
  value === null ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value);
