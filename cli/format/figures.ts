import type { Figure } from '../../clients/elasticsearch/index.js';
import type { Grain } from '../../domain/names.js';
import { usersError } from '../../domain/sketch.js';
import { grouped, humanTime } from './numbers.js';
import { table, type TableColumn } from './table.js';

const DIGITS = new Set<keyof Figure>([
  'click_count',
  'bot_clicks',
  'unique_users',
  'timed_clicks',
  'total_time_spent_ms',
  'version',
]);

/** The document as one line of JSON, with the error of its users; integers beyond 2^53 come out digit by digit. */
export const figureJson = (f: Figure): string =>
  `{${Object.entries({ ...f, unique_users_error: usersError(f.unique_users_exact) })
    .map(([key, value]) => {
      const exact = typeof value === 'string' && DIGITS.has(key as keyof Figure);
      return `${JSON.stringify(key)}:${exact ? value : JSON.stringify(value)}`;
    })
    .join(',')}}`;

/** A window as people write it; UTC. */
function windowName(grain: Grain, start: string | null): string {
  if (start === null) return '';
  const length: Record<Grain, number> = { hour: 16, day: 10, month: 7, total: 0 };
  return start.slice(0, length[grain]).replace('T', ' ');
}

/** Narrower terminals get the first columns only; all are in --csv. */
const ROOM_FOR_TIMES = 62;

/** The figures as a table of at most `width` columns, from 40 on. */
export function figureTable(grain: Grain, figures: readonly Figure[], width: number): string {
  const hasTimes = width >= ROOM_FOR_TIMES + (grain === 'total' ? 0 : 18);
  const columns: TableColumn[] = [
    ...(grain === 'total' ? [] : [{ title: grain === 'hour' ? 'hour (UTC)' : grain }]),
    { title: 'URL', fillFrom: 8 },
    { title: 'country', max: 9 },
    { title: 'clicks', align: 'right' },
    { title: 'people', align: 'right' },
    ...(hasTimes
      ? ([
          { title: 'time spent', align: 'right' },
          { title: 'average', align: 'right' },
        ] as const)
      : []),
  ];
  const rows = figures.map((f) => [
    ...(grain === 'total' ? [] : [windowName(grain, f.window_start)]),
    f.url,
    f.country,
    grouped(f.click_count),
    `${f.unique_users_exact ? '' : '~'}${grouped(f.unique_users)}`,
    ...(hasTimes
      ? [
          f.avg_time_spent_ms === null ? '–' : humanTime(Number(f.total_time_spent_ms)),
          f.avg_time_spent_ms === null ? '–' : humanTime(f.avg_time_spent_ms),
        ]
      : []),
  ]);
  return table(columns, rows, width);
}
