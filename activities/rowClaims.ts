import { ID_BYTES, type ClaimFilter } from '../clients/postgres/claimFilter.js';

/** Rows `from` (inclusive) to `to` (exclusive), in the order in which a batch holds them. */
export type RowRange = readonly [from: number, to: number];

export interface ClaimedRows {
  /** Rows whose id may have been seen before, ascending; all others are the first with their id that we know of. */
  readonly candidates: readonly RowRange[];
  /** Minutes since 1970 of the other rows' event times, ascending, each once. */
  readonly minutes: readonly number[];
}

interface Run {
  readonly partition: number;
  readonly from: number;
  to: number;
}

/** Gathers the ids of a batch's rows (28 bytes a row) until it is complete. */
export class RowClaims {
  private ids = new Uint8Array(ID_BYTES * 1024);
  private minutes = new Int32Array(1024);
  /** Runs of rows of one partition, in the order in which they came. */
  private readonly runs: Run[] = [];
  /** The last of them. */
  private run: Run | undefined;
  private rows = 0;

  /** Of what the ids and minutes lie in, bytes. */
  get capacity(): number {
    return this.ids.length + this.minutes.byteLength;
  }

  clear(): void {
    this.rows = 0;
    this.runs.length = 0;
    this.run = undefined;
  }

  /** @param eventId 16 bytes */
  add(eventId: Uint8Array, partition: number, eventTimeUs: number): void {
    const row = this.rows++;
    if (row === this.minutes.length) this.grow();
    const { ids } = this;
    for (let i = 0, at = row * ID_BYTES; i < ID_BYTES; i++) ids[at + i] = eventId[i] as number;
    this.minutes[row] = Math.floor(eventTimeUs / 60e6);
    if (this.run?.partition === partition) this.run.to = row + 1;
    else this.runs.push((this.run = { partition, from: row, to: row + 1 }));
  }

  /**
   * Claims all ids, in one synchronous step: of two batches with common ids, one comes before the other with all of
   * them, so that only the later one waits for the earlier and they never deadlock. Partition by partition, so that
   * of equal ids in a batch the lowest click_id comes first.
   */
  settle(filter: ClaimFilter): ClaimedRows {
    const seen = new Uint8Array(this.rows);
    const minutes = new Set<number>();
    const { ids } = this;
    let last: number | undefined;
    for (const { from, to } of [...this.runs].sort((a, b) => a.partition - b.partition || a.from - b.from)) {
      filter.claim(ids.subarray(from * ID_BYTES, to * ID_BYTES), seen.subarray(from, to));
      for (let row = from; row < to; row++) {
        const minute = this.minutes[row];
        if (seen[row] === 0 && minute !== undefined && minute !== last) minutes.add((last = minute));
      }
    }
    return { candidates: flaggedRows(seen), minutes: [...minutes].sort((a, b) => a - b) };
  }

  private grow(): void {
    const ids = new Uint8Array(this.ids.length * 2);
    ids.set(this.ids);
    this.ids = ids;
    const minutes = new Int32Array(this.minutes.length * 2);
    minutes.set(this.minutes);
    this.minutes = minutes;
  }
}

export const rowsIn = (ranges: readonly RowRange[]): number =>
  ranges.reduce((n, [from, to]) => n + to - from, 0);

/** The rows whose flag is 1. */
export function flaggedRows(flags: Uint8Array): RowRange[] {
  const ranges: RowRange[] = [];
  for (let from = flags.indexOf(1); from >= 0;) {
    const end = flags.indexOf(0, from);
    const to = end < 0 ? flags.length : end;
    ranges.push([from, to]);
    from = flags.indexOf(1, to);
  }
  return ranges;
}
