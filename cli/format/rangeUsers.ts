import type { UsersRange } from '../../clients/postgres/aggregate/rangeUsers.js';
import { ESTIMATE_ERROR_TEXT, usersError } from '../../domain/sketch.js';
import { csvLine } from '../../domain/csv.js';
import { grouped } from './numbers.js';
import { table, type TableColumn } from './table.js';

/** Unique users of a range for one URL and country; of all that match where both are null. */
export interface RangeUsers {
  readonly url: string | null;
  readonly country: string | null;
  readonly clicks: bigint;
  readonly users: bigint;
  readonly exact: boolean;
}

export const MERGE_CSV_HEADER =
  'from,to,url,country,click_count,unique_users,unique_users_exact,unique_users_error';

const bound = (ms: number): string | null => (Number.isFinite(ms) ? new Date(ms).toISOString() : null);

const fields = (range: UsersRange, row: RangeUsers) => ({
  from: bound(range.from),
  to: bound(range.to),
  url: row.url,
  country: row.country,
  click_count: Number(row.clicks),
  unique_users: Number(row.users),
  unique_users_exact: row.exact,
  unique_users_error: usersError(row.exact),
});

export const rangeUsersJson = (range: UsersRange, row: RangeUsers): string =>
  JSON.stringify(fields(range, row));

export const rangeUsersCsv = (range: UsersRange, row: RangeUsers): string =>
  csvLine(Object.values(fields(range, row)).map((value) => (value === null ? '' : String(value))));

/** `from 2026-11-01 to 2026-11-25 14:00 (UTC)`; an open end is left out. */
export function rangeName(range: UsersRange): string {
  const at = (ms: number): string =>
    new Date(ms).toISOString().slice(0, 16).replace('T', ' ').replace(' 00:00', '');
  const ends = [
    ...(Number.isFinite(range.from) ? [`from ${at(range.from)}`] : []),
    ...(Number.isFinite(range.to) ? [`to ${at(range.to)}`] : []),
  ];
  return ends.length === 0 ? 'of all time' : `${ends.join(' ')} (UTC)`;
}

/** Keys first, at the end the row over all of them. */
export function rangeUsersTable(rows: readonly RangeUsers[], width: number): string {
  const columns: TableColumn[] = [
    { title: 'URL', fillFrom: 12 },
    { title: 'country' },
    { title: 'clicks', align: 'right' },
    { title: 'people', align: 'right' },
    { title: 'error (95 %)', align: 'right' },
  ];
  return table(
    columns,
    rows.map((row) => [
      row.url ?? 'all of these',
      row.country ?? '',
      grouped(row.clicks),
      `${row.exact ? '' : '~'}${grouped(row.users)}`,
      row.exact ? 'exact' : ESTIMATE_ERROR_TEXT,
    ]),
    width,
  );
}
