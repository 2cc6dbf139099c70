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

/** A physical index; `uuid` tells it from another of the same name. */
interface Physical {
  readonly index: string;
  readonly uuid: string;
}

/**
 * Why the index behind a read alias is not one that runs have fed, and what to do; undefined: it is, or nothing was
 * ever fed.
 * @param fed the indices of the grain that have a cursor
 */
export function strayAlias(
  alias: string,
  index: Physical | undefined,
  fed: readonly Physical[],
): string | undefined {
  if (fed.length === 0) return undefined;
  if (index === undefined) return `no index stands behind ${alias}: the next run makes and fills one`;
  const known = fed.find((one) => one.index === index.index);
  if (known === undefined)
    return (
      `${alias} stands for ${index.index}, which no run has fed, and not for ` +
      `${fed.map((one) => one.index).join(' or ')}: move it back, or let the next run fill this one`
    );
  return known.uuid === index.uuid
    ? undefined
    : `${index.index} was deleted and made again: the next run fills it`;
}
