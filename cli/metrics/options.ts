import { SORT_ORDERS, SORTABLE, type FigureQuery, type Sortable } from '../../clients/elasticsearch/index.js';
import {
  USERS_SORT,
  type UsersFilter,
  type UsersRange,
  type UsersSort,
} from '../../clients/postgres/aggregate/rangeUsers.js';
import { HOUR_MS } from '../../clients/postgres/aggregate/windows.js';
import { countrySpellings } from '../../domain/country.js';
import { UsageError } from '../../domain/errors.js';
import { GRAINS } from '../../domain/names.js';
import { isoOption } from '../format/window.js';

export interface MetricsOptions {
  readonly grain?: string;
  readonly url?: string;
  readonly search?: string;
  readonly country?: string;
  readonly from?: string;
  readonly to?: string;
  readonly sort?: string;
  readonly order?: string;
  readonly limit?: string;
  readonly csv?: boolean;
  readonly merge?: boolean;
}

/** What `--merge` asks for. */
export interface MergeQuery extends UsersFilter {
  readonly range: UsersRange;
  readonly sort: UsersSort;
  readonly limit?: number;
}

function choice<T extends string>(option: string, value: string, choices: readonly T[]): T {
  const found = choices.find((one) => one === value);
  if (found === undefined) {
    throw new UsageError(`${option}: expected one of ${choices.join(', ')}, got '${value}'`);
  }
  return found;
}

/** The options that all queries share. Throws `UsageError` naming the option. */
function common(options: MetricsOptions): {
  readonly from?: string;
  readonly to?: string;
  readonly filter: UsersFilter;
  readonly limit?: number;
} {
  const from = options.from === undefined ? undefined : isoOption('--from', options.from);
  const to = options.to === undefined ? undefined : isoOption('--to', options.to);
  if (from !== undefined && to !== undefined && from >= to) {
    throw new UsageError(`--to: expected a time after --from (${from}), got ${to}`);
  }
  if (options.limit !== undefined && !/^[1-9]\d{0,8}$/.test(options.limit)) {
    throw new UsageError(`--limit: expected a whole number from 1 to 999999999, got '${options.limit}'`);
  }
  const { url, country } = options;
  if (url === '') throw new UsageError('--url: expected a URL, got nothing; without it there are all');
  if (country === '')
    throw new UsageError('--country: expected a country as the figures have it, or ZZ, got nothing');
  return {
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    filter: {
      ...(url !== undefined && { url: url.endsWith('*') ? { prefix: url.slice(0, -1) } : url }),
      ...(country !== undefined && { country: countrySpellings(country) }),
    },
    ...(options.limit !== undefined && { limit: Number(options.limit) }),
  };
}

/** Rows that a table may have: its columns are as wide as the widest cell of all rows, which are held for that. */
const MOST_TABLE_ROWS = 10_000;

/** Throws `UsageError` for a table that is too long. */
export function checkTableLimit(limit: number | undefined): void {
  if (limit !== undefined && limit > MOST_TABLE_ROWS)
    throw new UsageError(
      `--limit: a table has at most ${MOST_TABLE_ROWS} rows, got ${limit}; --csv and --json have any number`,
    );
}

/** The options as a search of the index. */
export function toQuery(options: MetricsOptions): FigureQuery {
  const grain = choice('--grain', options.grain ?? 'total', GRAINS);
  const sort: Sortable = choice('--sort', options.sort ?? 'click_count', SORTABLE);
  const order = options.order === undefined ? undefined : choice('--order', options.order, SORT_ORDERS);
  const { from, to, filter, limit } = common(options);
  const { search } = options;
  if (search !== undefined && !/[\p{L}\p{N}]/u.test(search))
    throw new UsageError(`--search: expected words of the URL, got '${search}'`);
  if (grain === 'total' && (from !== undefined || to !== undefined)) {
    const option = from === undefined ? '--to' : '--from';
    throw new UsageError(
      `${option}: the total is over all time; choose --grain hour, day or month, or --merge`,
    );
  }
  return {
    grain,
    sort,
    ...(order !== undefined && { order }),
    ...filter,
    ...(search !== undefined && { words: search }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(limit !== undefined && { limit }),
  };
}

/** A sketch is of a whole hour: nothing finer can be merged, and rounding would answer another question. */
function wholeHour(option: string, iso: string | undefined, open: number): number {
  if (iso === undefined) return open;
  const at = Date.parse(iso);
  const hour = Math.floor(at / HOUR_MS) * HOUR_MS;
  if (hour === at) return at;
  const [before, after] = [hour, hour + HOUR_MS].map((ms) => new Date(ms).toISOString().slice(0, 16));
  throw new UsageError(
    `${option}: with --merge expected a whole hour (UTC), such as ${before}Z or ${after}Z, got ${iso}`,
  );
}

/** The options of `--merge` as a union of stored sketches. */
export function toMergeQuery(options: MetricsOptions): MergeQuery {
  if (options.grain !== undefined)
    throw new UsageError('--grain: with --merge there is one figure for the whole range; leave it out');
  if (options.search !== undefined)
    throw new UsageError(
      "--search: with --merge expected --url, exact or with a * at the end; words are the index's",
    );
  if (options.order !== undefined)
    throw new UsageError('--order: with --merge figures fall and texts rise; leave it out');
  const sort = choice('--sort', options.sort ?? 'unique_users', USERS_SORT);
  const { from, to, filter, limit } = common(options);
  return {
    range: { from: wholeHour('--from', from, -Infinity), to: wholeHour('--to', to, Infinity) },
    sort,
    ...filter,
    ...(limit !== undefined && { limit }),
  };
}
