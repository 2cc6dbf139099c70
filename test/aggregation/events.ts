/** Random clicks that meet where figures go wrong: edges of hours, days, months and years, time-outs, equal times. */
import fc from 'fast-check';
import { SESSION_TIMEOUT_MS, type Click } from '../support/plainFigures.js';

const SECOND = 1_000_000;
const TIMEOUT = SESSION_TIMEOUT_MS * 1000;

/** Ends of hours, days, months, years and leap days; clocks of Berlin and Kolkata are elsewhere then. */
const EDGES = [
  '2026-01-01T00:00:00Z',
  '2025-12-31T23:00:00Z',
  '2026-02-01T00:00:00Z',
  '2024-02-29T00:00:00Z',
  '2024-03-01T00:00:00Z',
  '2026-03-29T01:00:00Z',
  '2026-03-28T18:30:00Z',
  '2026-10-25T01:00:00Z',
].map((edge) => Date.parse(edge) * 1000);

const offset = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, -1, 1, -SECOND, 500, 499) },
  { weight: 2, arbitrary: fc.constantFrom(TIMEOUT, TIMEOUT + 1, TIMEOUT - 1, -TIMEOUT, -TIMEOUT - 1) },
  { weight: 4, arbitrary: fc.integer({ min: -40 * 60, max: 40 * 60 }).map((s) => s * SECOND) },
  { weight: 1, arbitrary: fc.integer({ min: -3600 * SECOND, max: 3600 * SECOND }) },
);

/** With six digits of a second. */
const isoOf = (us: number): string =>
  new Date(Math.floor(us / 1000)).toISOString().replace('Z', `${String(us % 1000).padStart(3, '0')}Z`);

const orNone = <T>(...values: T[]): fc.Arbitrary<T | undefined> => fc.constantFrom(undefined, ...values);

const click: fc.Arbitrary<Click & { readonly id: string }> = fc.record({
  id: fc.uuid(),
  time: fc.tuple(fc.constantFrom(...EDGES), offset).map(([edge, by]) => isoOf(edge + by)),
  url: fc.constantFrom('/', '/b', '/ü?x=1'),
  country: orNone('DE', 'FR', 'ZZ'),
  user: orNone('', 'ann', 'bob', 'cy'),
  session: orNone('s', 't', 't ', 'u'),
  bot: orNone(true, false),
  spentMs: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(0, 0.5, 1.49, 20 * 24 * 3600_000) },
  ),
});

export interface Arrival {
  readonly clicks: readonly Click[];
  /** Batches in the order in which they come, sent-again clicks among them; then what runs after each. */
  readonly steps: readonly { readonly batch: readonly Click[]; readonly then: Then }[];
}

/** Nothing, runs of all or the oldest marks, alone or at once, a backfill of some days, or that beside runs. */
export const THENS = [
  'nothing',
  'one day',
  'everything',
  'two at once',
  'backfill',
  'backfill beside runs',
] as const;
export type Then = (typeof THENS)[number];

/** Clicks in any order of arrival, some more than once, in any split into batches, with any runs between these. */
export const arrivals: fc.Arbitrary<Arrival> = fc
  .record({
    placed: fc.uniqueArray(fc.record({ click, place: fc.nat(999), again: fc.option(fc.nat(999)) }), {
      selector: (one) => one.click.id,
      minLength: 1,
      maxLength: 60,
    }),
    cuts: fc.array(
      fc.record({
        at: fc.nat(999),
        then: fc.constantFrom(...THENS),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ placed, cuts }) => {
    const queue = placed
      .flatMap(({ click, place, again }) =>
        [place, ...(again === null ? [] : [again])].map((at) => ({ click, at })),
      )
      .sort((a, b) => a.at - b.at);
    const ends = [...cuts].sort((a, b) => a.at - b.at);
    const steps = [...ends, { at: 1000, then: 'nothing' as const }].map(({ at, then }, i) => {
      const from = i === 0 ? -1 : (ends[i - 1]?.at ?? -1);
      return { batch: queue.filter((one) => one.at > from && one.at <= at).map((one) => one.click), then };
    });
    return { clicks: placed.map((one) => one.click), steps };
  });
