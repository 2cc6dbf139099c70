/** Dropping whole days: every statement of the one transaction that moves the floor. */
import type pg from 'pg';
import { leafName, type Day } from '../days.js';
import { isLockTimeout, sqlState } from '../errors.js';
import { FAMILIES } from '../../../domain/names.js';
import { quoteIdent } from '../sql.js';
import { floorText } from './floor.js';

type Client = Pick<pg.ClientBase, 'query'>;

/** Whoever comes while we wait for the tables waits behind us: no longer than this in all. */
export const DROP_PATIENCE_MS = 1_000;

const leaves = (days: readonly Day[]): string =>
  days.flatMap((day) => FAMILIES.map((family) => quoteIdent(leafName(family, day)))).join(', ');

/**
 * Takes everything that the drop needs in one statement, the floor first like every writer of clicks, within
 * `DROP_PATIENCE_MS` altogether.
 * @returns false: others hold the tables
 */
export async function lockDays(client: Client, days: readonly Day[]): Promise<boolean> {
  const parents = FAMILIES.map((family) => `ONLY ${quoteIdent(family)}`).join(', ');
  const tables = days.length === 0 ? '' : `, ${parents}, ${leaves(days)}`;
  // lock_timeout bounds each of the locks, statement_timeout their sum.
  await client.query(
    `SET LOCAL lock_timeout = ${DROP_PATIENCE_MS}; SET LOCAL statement_timeout = ${DROP_PATIENCE_MS}`,
  );
  try {
    await client.query(`LOCK TABLE retention_floor${tables} IN ACCESS EXCLUSIVE MODE`);
  } catch (e) {
    if (isLockTimeout(e) || sqlState(e) === '57014') return false;
    throw e;
  }
  await client.query('SET LOCAL statement_timeout TO DEFAULT');
  return true;
}

export async function dropDays(client: Client, days: readonly Day[]): Promise<void> {
  if (days.length > 0) await client.query(`DROP TABLE ${leaves(days)}`);
}

export async function moveFloor(client: Client, to: bigint): Promise<void> {
  await client.query('UPDATE retention_floor SET floor = $1', [floorText(to)]);
}

/** What the ledger counts and the tables no longer hold. */
export async function countRetired(client: Client, clicks: number): Promise<void> {
  await client.query("UPDATE retired SET amount = amount + $1 WHERE what = 'clicks'", [clicks]);
}
