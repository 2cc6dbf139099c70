import type { ClientBase } from 'pg';
import type { WindowSums } from '../../../domain/inStep.js';
import { GRAINS, type Grain } from '../../../domain/names.js';

export interface GrainFigures {
  readonly grain: Grain;
  readonly figures: number;
  readonly clicks: number;
  readonly windows: readonly WindowSums[];
}

/** Figures of a grain out of those of its windows. */
export const grainFigures = (grain: Grain, windows: readonly WindowSums[]): GrainFigures => ({
  grain,
  figures: windows.reduce((n, one) => n + one.count, 0),
  clicks: windows.reduce((n, one) => n + one.clicks, 0),
  windows,
});

/** Per grain and window, the figures that are (tombstones are not) and the sums of their clicks and versions. */
export async function readFigures(client: ClientBase): Promise<GrainFigures[]> {
  const { rows } = await client.query<{ grain: Grain; start: string | null } & Record<Sum, string>>(
    `SELECT grain, (extract(epoch FROM window_start) * 1000)::bigint AS start,
       count(*) AS count, sum(click_count) AS clicks, sum(version) AS versions
     FROM click_metrics WHERE NOT deleted GROUP BY grain, window_start`,
  );
  return GRAINS.map((grain) =>
    grainFigures(
      grain,
      rows
        .filter((row) => row.grain === grain)
        .map((row) => ({
          start: row.start === null ? null : Number(row.start),
          count: Number(row.count),
          clicks: Number(row.clicks),
          versions: Number(row.versions),
        })),
    ),
  );
}
type Sum = 'count' | 'clicks' | 'versions';
