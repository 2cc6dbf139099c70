import { setImmediate as turn } from 'node:timers/promises';

/**
 * Which batch a process decodes first: the one that began first. One thread decodes for all lanes; if they shared it
 * evenly, all batches would be complete late and at the same moment, and PostgreSQL idle until then.
 */
export class DecodeOrder {
  private begun = 0;
  /** The batches that decode now, by when they began. */
  private readonly decoding = new Set<number>();

  /** A batch begins. */
  begin(): DecodeTurns {
    return new DecodeTurns(this.decoding, ++this.begun);
  }
}

/** A batch's place in the order. */
export class DecodeTurns {
  constructor(
    private readonly decoding: Set<number>,
    private readonly place: number,
  ) {}

  /** Decodes; batches that began later wait meanwhile, in their `next`. */
  async decode<T>(work: () => Promise<T>): Promise<T> {
    this.decoding.add(this.place);
    try {
      await this.waitForEarlier();
      return await work();
    } finally {
      this.decoding.delete(this.place);
    }
  }

  /** Within `decode`: whoever else waits for the thread gets a turn. */
  async next(): Promise<void> {
    await turn();
    await this.waitForEarlier();
  }

  /** Within `decode`: does something that leaves the thread to later batches. */
  async rest(work: () => Promise<void>): Promise<void> {
    this.decoding.delete(this.place);
    await work();
    this.decoding.add(this.place);
    await this.waitForEarlier();
  }

  private async waitForEarlier(): Promise<void> {
    while (this.hasEarlier()) await turn();
  }

  private hasEarlier(): boolean {
    for (const place of this.decoding) if (place < this.place) return true;
    return false;
  }
}
