import { createHash } from 'node:crypto';

/** The id of a row in the ledger: a hash of what it stands for, so that any attempt on any worker makes the same. */
export const batchIdOf = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
