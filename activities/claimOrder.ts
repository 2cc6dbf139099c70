import { setTimeout as sleep } from 'node:timers/promises';

/** How long a batch waits for those before it at most, ms: a few times what persisting one takes. */
const PATIENCE_MS = 3_000;
/** Batches that are remembered; each shard has two at most, so more are read-aheads that were dropped. */
const MAX_PENDING = 64;

interface Pending {
  readonly ended: Promise<void>;
  end(): void;
}

/**
 * The batches of this process that have claimed their ids and are not yet persisted, in the order of their claims. A
 * candidate that goes in before the batch which claimed its id first would make that batch's COPY fail, all of it. So
 * candidates wait for the batches before them, but not for ever: it is an accelerator, as the filter is.
 */
export class ClaimOrder {
  private readonly pending = new Map<string, Pending>();

  constructor(private readonly patienceMs = PATIENCE_MS) {}

  /** The batch has claimed its ids, after all batches that were told of before. */
  claimed(batchId: string): void {
    this.ended(batchId);
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.pending.set(batchId, { ended, end });
    const [oldest] = this.pending.keys();
    if (this.pending.size > MAX_PENDING && oldest !== undefined) this.ended(oldest);
  }

  /** The batch is persisted, or nobody knows when it will be. */
  ended(batchId: string): void {
    this.pending.get(batchId)?.end();
    this.pending.delete(batchId);
  }

  /** Whether the one batch waits for the other. */
  isBefore(first: string, second: string): boolean {
    return this.before(second).some(([id]) => id === first);
  }

  /** Waits until the batches that claimed before this one have ended; those that take too long are forgotten. */
  async turnOf(batchId: string, signal: AbortSignal): Promise<void> {
    const before = this.before(batchId);
    if (before.length === 0) return;
    const waiting = new AbortController();
    const patience = sleep(this.patienceMs, 'late', { signal: AbortSignal.any([signal, waiting.signal]) });
    try {
      const all = Promise.all(before.map(([, { ended }]) => ended));
      if ((await Promise.race([all, patience])) === 'late') for (const [id] of before) this.ended(id);
    } finally {
      waiting.abort();
      await patience.catch(() => undefined);
    }
  }

  private before(batchId: string): [string, Pending][] {
    const all = [...this.pending];
    const own = all.findIndex(([id]) => id === batchId);
    return own < 0 ? [] : all.slice(0, own);
  }
}
