import type { BatchRef } from '../domain/stages.js';
import type { Surprise } from './batchTransaction.js';
import type { Way } from './rowWays.js';

/** How a batch goes in. */
export interface Manner {
  readonly way: Way;
  /** In a turn of this process: see ProcessTurns. */
  readonly turn: boolean;
}

/** What a lane, a shard of a topic, has learnt from its batches. */
export class Lane {
  manner: Manner = { way: 'straight', turn: false };
  /** As `oldestWriter` was when the latest attempt began. */
  since: string | undefined;

  /**
   * After a duplicate that the claim filter did not know (another process wrote it, or this one started since), batches
   * are probed, and after a row that PostgreSQL refused all rows are candidates, until a batch shows nothing of that:
   * topics sent again, or shared with another process, must not cost a rolled back COPY per batch. They are probed in
   * turns while the duplicates come from batches that were under way beside this lane's.
   */
  learn({ way, turn }: Manner, surprise: Surprise | undefined): void {
    if (surprise === 'refused') this.manner = { way: 'candidates', turn: false };
    else if (surprise === 'overlap') this.manner = { way: 'probed', turn: true };
    // Only those that are probed know when their duplicates were written.
    else if (surprise === 'duplicates') this.manner = { way: 'probed', turn: turn && way === 'candidates' };
    else this.manner = { way: 'straight', turn: false };
  }
}

export class Lanes {
  private readonly lanes = new Map<string, Lane>();

  of({ topic, shard }: BatchRef): Lane {
    const key = `${topic}/${shard}`;
    const lane = this.lanes.get(key) ?? new Lane();
    this.lanes.set(key, lane);
    return lane;
  }
}

/**
 * After a COPY that failed on what others have written. Most of it is seen when PostgreSQL is asked in a turn; who
 * writes beside us all the same takes none.
 */
export const afterConflict = (conflicts: number): Manner => ({
  way: conflicts > 1 ? 'candidates' : 'probed',
  turn: true,
});

/** Others take turns already. */
export const withTurn = (manner: Manner): Manner => ({ ...asking(manner), turn: true });

/** Of the rows, the share of candidates from which on all of them cost more than asking for all ids. */
const MANY = 0.5;

/** Sent again in quantity: most candidates are clicks already. */
export const withMany = (manner: Manner, candidates: number, rows: number): Manner =>
  candidates > rows * MANY ? asking(manner) : manner;

const asking = ({ way, turn }: Manner): Manner => ({ way: way === 'straight' ? 'probed' : way, turn });
