import { readClickKeys } from './clickKeys.js';
import { ABSENT, presentRows, RECENT } from './presentRows.js';
import type { RowsContext } from './persistRows.js';
import { flaggedRows, type RowRange } from './rowClaims.js';
import type { SpoolReader } from './spoolReader.js';

/**
 * How the rows of a batch go in. `straight`: all but the candidates by COPY. `probed`: PostgreSQL is asked first which
 * are clicks already; those are left out, the others go as with `straight`. `candidates`: all of them as candidates,
 * which is always right.
 */
export type Way = 'straight' | 'probed' | 'candidates';

export interface RowWays {
  readonly straight: readonly RowRange[];
  readonly candidates: readonly RowRange[];
  /** Minutes since 1970 in which the straight rows are. */
  readonly minutes: readonly number[];
  /** Rows that are clicks already, though the claim filter had not seen their ids. */
  readonly unknown: number;
  /** Those of them that were written since `since`. */
  readonly recent: number;
}

const NOTHING = { straight: [], candidates: [], minutes: [], unknown: 0, recent: 0 };

type Context = Pick<RowsContext, 'client' | 'moved'> & {
  readonly since: string | undefined;
  readonly reader: Pick<SpoolReader, 'batch' | 'rows' | 'endOf'>;
};

export async function rowWays(context: Context, way: Way): Promise<RowWays> {
  const { rows, candidates, minutes } = context.reader.batch;
  if (rows === 0) return NOTHING;
  if (way === 'candidates') return { ...NOTHING, candidates: [[0, rows]] };
  if (way === 'straight') return { ...NOTHING, straight: without(candidates, rows), candidates, minutes };
  return probed(context);
}

/**
 * A row that is a click already is a duplicate and goes nowhere: its day cannot be dropped before this transaction ends,
 * since it holds the floor. Asked inside the transaction for that reason, and because every other transaction that has
 * committed until now is seen. What others commit from here on fails the COPY.
 */
async function probed({ client, reader, since, moved }: Context): Promise<RowWays> {
  const keys = await readClickKeys(reader);
  moved(0);
  const present = await presentRows(client, keys, since, () => moved(0));
  const { rows, candidates } = reader.batch;
  const straight = new Uint8Array(rows).fill(1);
  const checked = new Uint8Array(rows);
  for (const [from, to] of candidates) {
    straight.fill(0, from, to);
    checked.fill(1, from, to);
  }
  let unknown = 0;
  let recent = 0;
  const minutes = new Set<number>();
  for (let row = 0; row < rows; row++) {
    if (present[row] !== ABSENT) {
      unknown += straight[row] ?? 0;
      if (present[row] === RECENT) recent += straight[row] ?? 0;
      straight[row] = 0;
      checked[row] = 0;
    } else if (straight[row] === 1) minutes.add(Math.floor((keys.timesUs[row] ?? 0) / 60e6));
  }
  return {
    straight: flaggedRows(straight),
    candidates: flaggedRows(checked),
    minutes: [...minutes].sort((a, b) => a - b),
    unknown,
    recent,
  };
}

/** The rows outside of ascending ranges. */
function without(ranges: readonly RowRange[], rows: number): RowRange[] {
  const rest: RowRange[] = [];
  let at = 0;
  for (const [from, to] of ranges) {
    if (from > at) rest.push([at, from]);
    at = to;
  }
  if (rows > at) rest.push([at, rows]);
  return rest;
}
