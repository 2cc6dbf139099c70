import { CopyEncoder } from '../clients/postgres/copyBinary.js';
import { familyColumns } from '../clients/postgres/families.js';
import { REJECTED_COLUMNS } from '../clients/postgres/staging.js';
import type { Config } from '../domain/config/config.js';
import type { Family } from '../domain/names.js';
import { RowClaims } from './rowClaims.js';
import { RowEntries } from './rowEntries.js';

/** What grew beyond this for an unusual batch is left to the garbage collector, bytes. */
const MAX_KEPT = 16 * 1024 * 1024;

/** What a batch's rows gather in on their way to the spool. */
export class BatchMemory {
  readonly encoders: Readonly<Record<Family, CopyEncoder>>;
  readonly rejected = new CopyEncoder(REJECTED_COLUMNS.map((c) => c.type));
  readonly claims = new RowClaims();
  readonly entries = new RowEntries();

  constructor(config: Config) {
    const encoder = (family: Family): CopyEncoder =>
      new CopyEncoder(familyColumns(config, family).map((c) => c.type));
    this.encoders = {
      click_data: encoder('click_data'),
      geo_data: encoder('geo_data'),
      user_agent_data: encoder('user_agent_data'),
    };
  }

  private get parts(): readonly (CopyEncoder | RowClaims | RowEntries)[] {
    return [...Object.values(this.encoders), this.rejected, this.claims, this.entries];
  }

  get capacity(): number {
    return this.parts.reduce((bytes, part) => bytes + part.capacity, 0);
  }

  clear(): void {
    for (const part of this.parts) part.clear();
  }
}

/**
 * Memory that one batch after another gathers in. Megabytes that are fresh for each batch make V8 collect its whole
 * heap every few batches, which costs as much as a tenth of the decoding.
 */
export class BatchMemories {
  private readonly free: BatchMemory[] = [];

  constructor(private readonly config: Config) {}

  async lend<T>(use: (memory: BatchMemory) => Promise<T>): Promise<T> {
    const memory = this.free.pop() ?? new BatchMemory(this.config);
    try {
      return await use(memory);
    } finally {
      memory.clear();
      if (memory.capacity <= MAX_KEPT) this.free.push(memory);
    }
  }
}
