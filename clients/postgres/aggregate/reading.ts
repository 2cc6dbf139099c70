/** How a run is read by Spark: what each connection reads, and in how many pieces the answer comes. */
import type { Config } from '../../../domain/config/config.js';
import { cleanPartsSource, type TouchedKeys } from './cleanParts.js';
import { GROUPS_IN_ORDER, hourFiguresQuery, rollUpQuery } from './figureQuery.js';
import { clicksSource } from './source.js';
import { cutHours } from './windows.js';

/** A connection of its own pays for itself from about so many clicks on. */
const CLICKS_PER_VIEW = 250_000;
/** Each view is one connection to PostgreSQL, of which Spark opens as many at once as it has cores. */
const MAX_VIEWS = 64;
/**
 * An answer of Spark's lies in its driver's heap until it is fetched, and there a task's part of it lies in one
 * piece: it is fetched in slices, each of the figures of about so many clicks.
 */
const CLICKS_PER_SLICE = 250_000;

/** A temporary view and the `dbtable` that it reads over one connection. */
export interface View {
  readonly name: string;
  readonly source: string;
}

/** A query and the table that its answer is cached in. */
export interface Answer {
  readonly table: string;
  readonly query: string;
}

export interface ReadingPlan {
  readonly views: readonly View[];
  readonly hours: Answer;
  /** Whether the hours carry their keys' hashes, so that a roll-up can be told which keys to take. */
  readonly byKey: boolean;
  /** What is computed from the hours' table and the clean parts, which there are where there are figures already. */
  readonly rollUp: (touched: TouchedKeys) => { readonly parts: View | undefined; readonly figures: Answer };
  /** Conditions on `slice_hash`, each true for another share of the figures; a single `true` for a small answer. */
  readonly slices: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * @param clicks about how many the hours hold
 * @param stored about how many figures there are already, of which clean parts are taken; 0: none at all
 * @param suffix makes the views' names this run's own
 */
export function planReading(
  config: Config,
  {
    hours,
    clicks,
    stored,
    suffix,
  }: { hours: readonly number[]; clicks: number; stored: number; suffix: string },
): ReadingPlan {
  const pieces = Math.min(MAX_VIEWS, Math.max(1, Math.ceil(clicks / CLICKS_PER_VIEW)));
  const byKey = pieces === 1;
  const views = cutHours(hours, pieces).map((part, n) => ({
    name: `clicks_${suffix}_${n}`,
    source: clicksSource(config, part, byKey),
  }));
  const names = views.map(({ name }) => name);
  const ofHours = { table: `hours_${suffix}`, query: hourFiguresQuery(names, byKey) };
  return {
    views,
    hours: ofHours,
    byKey,
    rollUp: (touched) => {
      const parts =
        stored === 0
          ? undefined
          : {
              name: `parts_${suffix}`,
              source: cleanPartsSource(config, hours, touched, { clicks, stored }),
            };
      const where = touched === 'all' ? 'true' : `slice_hash IN (${touched.join(', ')})`;
      return {
        parts,
        figures: { table: `rolled_${suffix}`, query: rollUpQuery(ofHours.table, parts?.name, where) },
      };
    },
    slices: slicesOf(Math.ceil(clicks / CLICKS_PER_SLICE)),
    settings: pieces === 1 ? SMALL_INPUT : LARGE_INPUT,
  };
}

function slicesOf(count: number): string[] {
  if (count <= 1) return ['true'];
  const bound = (n: number): bigint => (2n ** 64n * BigInt(n)) / BigInt(count) - 2n ** 63n;
  return Array.from({ length: count }, (_, n) =>
    [
      ...(n > 0 ? [`slice_hash >= ${bound(n)}`] : []),
      ...(n < count - 1 ? [`slice_hash < ${bound(n + 1)}`] : []),
    ].join(' AND '),
  );
}

const ALWAYS = {
  // The queries sort what they group: one aggregation takes the place of a partial and a final one.
  ...GROUPS_IN_ORDER,
  // A union of views that are one partition each would else be one partition too, and one task would read them all.
  'spark.sql.unionOutputPartitioning': 'false',
};

export const SMALL_INPUT: Readonly<Record<string, string>> = {
  ...ALWAYS,
  'spark.sql.shuffle.partitions': '2',
};
const LARGE_INPUT: Readonly<Record<string, string>> = {
  ...ALWAYS,
  'spark.sql.shuffle.partitions': '16',
};
