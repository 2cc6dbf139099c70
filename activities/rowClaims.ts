import type { ClaimFilter } from '../domain/claimFilter.js';

/** Rows `from` (inclusive) to `to` (exclusive), in the order in which a batch holds them. */
export type RowRange = readonly [from: number, to: number];

export interface ClaimedRows {
  /** Rows whose id may have been seen before, ascending; all others are the first with their id that we know of. */
  readonly candidates: readonly RowRange[];
  /** Minutes since 1970 of the other rows' event times, ascending, each once. */
  readonly minutes: readonly number[];
}

/** Gathers the ids of a batch's rows (28 bytes a row) until it is complete. */
export class RowClaims {
  private ids = new Uint32Array(4 * 1024);
  /** The same memory. */
  private bytes = new Uint8Array(this.ids.buffer);
  private minutes = new Int32Array(1024);
  /** Runs of rows of one partition, in the order in which they came. */
  private readonly runs: { readonly partition: number; readonly from: number; to: number }[] = [];
  private rows = 0;

  /** Of what the ids and minutes lie in, bytes. */
  get capacity(): number {
    return this.bytes.length + this.minutes.byteLength;
  }

  clear(): void {
    this.rows = 0;
    this.runs.length = 0;
  }

  /** @param eventId 16 bytes */
  add(eventId: Uint8Array, partition: number, eventTimeUs: number): void {
    const row = this.rows++;
    if (row === this.minutes.length) this.grow();
    const { bytes } = this;
    for (let i = 0, at = row * 16; i < 16; i++) bytes[at + i] = eventId[i] as number;
    this.minutes[row] = Math.floor(eventTimeUs / 60e6);
    const run = this.runs.at(-1);
    if (run?.partition === partition) run.to = row + 1;
    else this.runs.push({ partition, from: row, to: row + 1 });
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
    for (const { from, to } of [...this.runs].sort((a, b) => a.partition - b.partition || a.from - b.from))
      for (let row = from; row < to; row++) {
        const at = row * 4;
        const minute = this.minutes[row];
        if (filter.claim(ids[at] ?? 0, ids[at + 1] ?? 0, ids[at + 2] ?? 0, ids[at + 3] ?? 0)) seen[row] = 1;
        else if (minute !== undefined && minute !== last) minutes.add((last = minute));
      }
    return { candidates: flaggedRows(seen), minutes: [...minutes].sort((a, b) => a - b) };
  }

  private grow(): void {
    const ids = new Uint32Array(this.ids.length * 2);
    ids.set(this.ids);
    this.ids = ids;
    this.bytes = new Uint8Array(ids.buffer);
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
