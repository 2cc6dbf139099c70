/** How a run is read by Spark: what each connection reads, and in how many pieces the answer comes. */
import type { Config } from '../../../domain/config/config.js';
import { figureQuery, GROUPS_IN_ORDER } from './figureQuery.js';
import { cleanPartsSource } from './cleanParts.js';
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

export interface ReadingPlan {
  /** Temporary views and the `dbtable` each of them reads over one connection. */
  readonly views: readonly { readonly name: string; readonly source: string }[];
  /** That of the clean parts, where there are figures already. */
  readonly parts: string | undefined;
  readonly query: string;
  /** The table in which an answer of several slices is cached. */
  readonly figures: string;
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
  const ofHours = cutHours(hours, pieces).map((part, n) => ({
    name: `clicks_${suffix}_${n}`,
    source: clicksSource(config, part),
  }));
  const parts =
    stored > 0
      ? [{ name: `parts_${suffix}`, source: cleanPartsSource(config, hours, { clicks, stored }) }]
      : [];
  return {
    views: [...ofHours, ...parts],
    parts: parts[0]?.name,
    figures: `figures_${suffix}`,
    query: figureQuery(
      ofHours.map(({ name }) => name),
      parts[0]?.name,
    ),
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
