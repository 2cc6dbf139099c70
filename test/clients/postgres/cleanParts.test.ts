import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cleanPartsSource } from '../../../clients/postgres/aggregate/cleanParts.js';
import { keyHashOf } from '../../../clients/postgres/aggregate/source.js';
import { install, type Installation } from '../../activities/installation.js';

interface Figure {
  readonly grain: 'hour' | 'day' | 'month';
  readonly start: string;
  readonly url: string;
}

const LEVELS = { hour: 1, day: 2, month: 3 };
/** Two days of two months, on both sides of a month's end. */
const HOURS = ['2026-02-28T22:00:00.000Z', '2026-02-28T23:00:00.000Z', '2026-03-01T05:00:00.000Z'];
const hours = HOURS.map((hour) => Date.parse(hour));

/** In each window around the hours, and in months that lie apart, figures of every key. */
function figuresOf(urls: readonly string[]): Figure[] {
  const around = ['2026-02-27', '2026-02-28', '2026-03-01', '2026-03-02', '2026-03-31'];
  const starts: readonly [Figure['grain'], readonly string[]][] = [
    [
      'hour',
      around.flatMap((day) =>
        [0, 5, 22, 23].map((hour) => `${day}T${`${hour}`.padStart(2, '0')}:00:00.000Z`),
      ),
    ],
    ['day', around.map((day) => `${day}T00:00:00.000Z`)],
    ['month', ['2024-12', '2026-01', '2026-02', '2026-03'].map((month) => `${month}-01T00:00:00.000Z`)],
  ];
  return starts.flatMap(([grain, list]) =>
    list.flatMap((start) => urls.map((url) => ({ grain, start, url }))),
  );
}

async function store(i: Installation, figures: readonly Figure[], deleted: boolean): Promise<void> {
  await i.rows(
    `INSERT INTO click_metrics (figure_id, grain, window_start, url, country, click_count, bot_clicks, unique_users,
       unique_users_exact, users_sketch, timed_clicks, total_time_spent_ms, version, deleted)
     SELECT figure_id(grain, start, url, 'DE'), grain, start, url, 'DE', $2, 0, 0, true, '\\x01', 0, 0, 1, $3
     FROM jsonb_to_recordset($1) AS f (grain text, start timestamptz, url text)`,
    [JSON.stringify(figures), deleted ? 0 : 7, deleted],
  );
}

const plainParts = (figures: readonly Figure[], touched: (url: string, hour: string) => boolean): string[] =>
  figures
    .filter(({ grain, start, url }) => {
      const own = HOURS.filter((hour) => touched(url, hour));
      if (grain === 'hour')
        return !HOURS.includes(start) && own.some((h) => h.slice(0, 10) === start.slice(0, 10));
      if (grain === 'day')
        return (
          own.some((h) => h.slice(0, 7) === start.slice(0, 7)) &&
          !own.some((h) => h.slice(0, 10) === start.slice(0, 10))
        );
      return own.length > 0 && !own.some((h) => h.slice(0, 7) === start.slice(0, 7));
    })
    .map(({ grain, start, url }) => `${LEVELS[grain]} ${Date.parse(start) * 1000} ${url}`)
    .sort();

describe('the parts that a run takes from stored figures', () => {
  test('are those of its keys in the rest of the days, months and of all months, looked up or scanned', async () => {
    const i = await install('parts');
    try {
      await i.produce([
        JSON.stringify({ event_id: 'late', t: '2026-02-28T22:10:00Z', url: '/new', country: 'DE' }),
        JSON.stringify({ event_id: 'aside', t: '2026-02-28T21:10:00Z', url: '/aside', country: 'DE' }),
      ]);
      await i.drain();
      const everywhere = figuresOf(['/stored', `/${'long'.repeat(5000)}`]);
      const late = figuresOf(['/new']).filter(({ start }) => !HOURS.includes(start));
      const aside = figuresOf(['/aside']).filter(({ start }) => !HOURS.includes(start));
      await store(i, [...everywhere, ...late, ...aside], false);
      await store(i, figuresOf(['/buried']), true);
      const ofRows = plainParts([...everywhere, ...late], (url, hour) => url !== '/new' || hour === HOURS[0]);
      const named = (
        await i.rows(`SELECT ${keyHashOf('k')} AS hash FROM (VALUES ('/new', 'DE')) k (url, country)`)
      ).map(({ hash }) => String(hash));
      const ofNamed = plainParts(late, () => true);
      for (const [touched, expected] of [
        ['all', ofRows],
        [named, ofNamed],
      ] as const)
        for (const stored of [1, 1_000_000]) {
          const source = cleanPartsSource(i.config, hours, touched, { clicks: 1, stored });
          const rows = await i.rows(`SELECT level || ' ' || start_us || ' ' || url AS part FROM ${source}`);
          assert.deepEqual(rows.map(({ part }) => part).sort(), expected, `${touched.length} ${stored}`);
        }
    } finally {
      await i.close();
    }
  });
});
