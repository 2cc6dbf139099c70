/** Whether the index holds what PostgreSQL has, judged by sums per window. */

/** One window's figures, or documents, added up. */
export interface WindowSums {
  /** ms since 1970; null for the total, and for documents without a window. */
  readonly start: number | null;
  readonly count: number;
  readonly clicks: number;
  /** The sum of the versions: a document that was left behind lowers it, whatever it counts. */
  readonly versions: number;
}

/** A window in which figures and documents are not alike. */
export interface WindowDifference {
  readonly start: number | null;
  readonly figures: WindowSums;
  readonly documents: WindowSums;
}

const nothing = (start: number | null): WindowSums => ({ start, count: 0, clicks: 0, versions: 0 });

/** The windows that differ, oldest first. */
export function differentWindows(
  figures: readonly WindowSums[],
  documents: readonly WindowSums[],
): WindowDifference[] {
  const found = new Map(documents.map((sums) => [sums.start, sums]));
  const expected = new Map(figures.map((sums) => [sums.start, sums]));
  const starts = [...new Set([...expected.keys(), ...found.keys()])];
  return starts
    .map((start) => ({
      start,
      figures: expected.get(start) ?? nothing(start),
      documents: found.get(start) ?? nothing(start),
    }))
    .filter(
      ({ figures: a, documents: b }) =>
        a.count !== b.count || a.clicks !== b.clicks || a.versions !== b.versions,
    )
    .sort((a, b) => (a.start ?? -Infinity) - (b.start ?? -Infinity));
}
