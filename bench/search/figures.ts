/** The figures of a made-up site over 90 days, every grain the sum of the one below; the same at each run. */
import { createHash } from 'node:crypto';
import type { FigureRow, Span } from '../../domain/figure.js';
import type { Grain } from '../../domain/names.js';
import { Random } from '../../domain/generator/random.js';

export const DAYS = 90;
/** The first day; the last hour ends at a month's end. */
export const BEGIN_MS = Date.UTC(2026, 7, 3);
const HOUR = 3_600_000;
const URLS = 5_000;
const COUNTRIES = [
  'US',
  'IN',
  'DE',
  'JP',
  'GB',
  'BR',
  'PL',
  'ES',
  'FR',
  'CA',
  'NL',
  'IT',
  'SE',
  'AU',
  'MX',
  'ZZ',
];
const SECTIONS = ['books', 'garden', 'kitchen', 'music', 'toys'];

interface Sums {
  readonly url: string;
  readonly country: string;
  clicks: number;
  bots: number;
  users: number;
  timed: number;
  totalMs: number;
}

const urlOf = (n: number): string => (n === 0 ? '/' : `/${SECTIONS[n % SECTIONS.length]}/product-${n}`);

const span = (bytes: Uint8Array): Span => ({ bytes, from: 0, to: bytes.length });

function rowOf(grain: Grain, at: number | null, sums: Sums): FigureRow {
  const windowStart = at === null ? null : new Date(at).toISOString();
  const key = `${grain} ${windowStart ?? ''} ${sums.url} ${sums.country}`;
  return {
    id: span(createHash('sha256').update(key).digest()),
    version: 1,
    deleted: false,
    grain,
    windowStart,
    url: span(Buffer.from(sums.url)),
    country: span(Buffer.from(sums.country)),
    clickCount: sums.clicks,
    botClicks: sums.bots,
    uniqueUsers: sums.users,
    uniqueUsersExact: grain === 'hour',
    timedClicks: sums.timed,
    totalTimeSpentMs: sums.totalMs,
    avgTimeSpentMs: sums.timed === 0 ? null : sums.totalMs / sums.timed,
    medianTimeSpentMs: null,
    p90TimeSpentMs: null,
  };
}

type Group = Map<string, Sums>;

function add(group: Group, key: string, one: Sums): void {
  const sums = group.get(key);
  if (sums === undefined) {
    group.set(key, { ...one });
    return;
  }
  sums.clicks += one.clicks;
  sums.bots += one.bots;
  sums.users += one.users;
  sums.timed += one.timed;
  sums.totalMs += one.totalMs;
}

const rowsOf = (grain: Grain, at: number | null, group: Group): FigureRow[] =>
  [...group.values()].map((sums) => rowOf(grain, at, sums));

/** Batches of one grain each. @param hourFigures about how many figures the hours have, all together */
export function* makeFigures(hourFigures: number): Generator<{ grain: Grain; rows: FigureRow[] }> {
  const source = new Random(7);
  const random = (): number => source.next();
  const perHour = Math.round(hourFigures / (DAYS * 24));
  const total: Group = new Map();
  let month: Group = new Map();
  for (let day = 0; day < DAYS; day += 1) {
    const dayAt = BEGIN_MS + day * 24 * HOUR;
    const days: Group = new Map();
    const hours: FigureRow[] = [];
    for (let hour = 0; hour < 24; hour += 1) {
      const group: Group = new Map();
      while (group.size < perHour) {
        // Few URLs have most of the clicks, as on every site.
        const url = urlOf(Math.floor(URLS * random() ** 3));
        const country = COUNTRIES[Math.floor(COUNTRIES.length * random() ** 2)] ?? 'ZZ';
        const clicks = 1 + Math.floor(20 * random() ** 4);
        const timed = Math.floor(clicks * random());
        const bots = country === 'US' ? Math.floor(clicks / 4) : 0;
        const totalMs = timed * Math.floor(90_000 * random());
        const users = Math.ceil(clicks * 0.6);
        group.set(`${url} ${country}`, { url, country, clicks, bots, users, timed, totalMs });
      }
      for (const [key, sums] of group) for (const above of [days, month, total]) add(above, key, sums);
      hours.push(...rowsOf('hour', dayAt + hour * HOUR, group));
    }
    yield { grain: 'hour', rows: hours };
    yield { grain: 'day', rows: rowsOf('day', dayAt, days) };
    const date = new Date(dayAt);
    const tomorrow = new Date(dayAt + 24 * HOUR);
    if (day === DAYS - 1 || tomorrow.getUTCDate() === 1) {
      const monthAt = Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
      yield { grain: 'month', rows: rowsOf('month', monthAt, month) };
      month = new Map();
    }
  }
  yield { grain: 'total', rows: rowsOf('total', null, total) };
}
