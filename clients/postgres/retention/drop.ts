/** Dropping whole days: every statement of the one transaction that moves the floor. */
import type pg from 'pg';
import { lockBriefly } from '../briefLock.js';
import { leafName, type Day } from '../days.js';
import { FAMILIES } from '../../../domain/names.js';
import { quoteIdent } from '../sql.js';
import { floorText } from './floor.js';

type Client = Pick<pg.ClientBase, 'query'>;

const leaves = (days: readonly Day[]): string[] =>
  days.flatMap((day) => FAMILIES.map((family) => quoteIdent(leafName(family, day))));

/**
 * Takes everything that the drop needs, the floor first like every writer of clicks.
 * @returns false: others hold the tables
 */
export const lockDays = (client: Client, days: readonly Day[]): Promise<boolean> =>
  lockBriefly(
    client,
    days.length === 0
      ? ['retention_floor']
      : ['retention_floor', ...FAMILIES.map((family) => `ONLY ${quoteIdent(family)}`), ...leaves(days)],
  );

export async function dropDays(client: Client, days: readonly Day[]): Promise<void> {
  if (days.length > 0) await client.query(`DROP TABLE ${leaves(days).join(', ')}`);
}

export async function moveFloor(client: Client, to: bigint): Promise<void> {
  await client.query('UPDATE retention_floor SET floor = $1', [floorText(to)]);
}

/** What the ledger counts and the tables no longer hold. */
export async function countRetired(client: Client, clicks: number): Promise<void> {
  await client.query("UPDATE retired SET amount = amount + $1 WHERE what = 'clicks'", [clicks]);
}
