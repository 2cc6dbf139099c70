import type pg from 'pg';
import { FAMILIES, type Family } from '../../domain/names.js';
import { inTransaction } from './pool.js';
import { holdFloor, isBelow } from './retention/floor.js';
import { quoteIdent, quoteLiteral } from './sql.js';

/** A UTC day as `YYYYMMDD`; leaves carry it in their name. */
export type Day = string;

export const DAY_US = 86_400_000_000n;

/** Days in one transaction: each is a leaf in every family, and more locks could exhaust PostgreSQL's lock table. */
export const MAX_DAYS = 32;

/** The UTC day of a time in µs since 1970. */
export function dayOf(timeUs: bigint): Day {
  const days = timeUs >= 0n ? timeUs / DAY_US : -((-timeUs + DAY_US - 1n) / DAY_US);
  return new Date(Number(days) * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');
}

/** Begin of a day in µs since 1970. */
export const dayStartUs = (day: Day): bigint => BigInt(startOf(day).getTime()) * 1000n;

export const leafName = (family: Family, day: Day): string => `${family}_${day}`;

const startOf = (day: Day): Date =>
  new Date(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6, 8)}T00:00:00Z`);

/** The days that have a leaf in every family. */
export async function existingDays(client: {
  query: (sql: string, values: unknown[]) => Promise<pg.QueryResult<{ day: string }>>;
}): Promise<ReadonlySet<Day>> {
  const { rows } = await client.query(
    `SELECT right(c.relname, 8) AS day
       FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = ANY (SELECT to_regclass(t)::oid FROM unnest($1::text[]) AS t)
      GROUP BY 1 HAVING count(*) = $2`,
    [FAMILIES.map(quoteIdent), FAMILIES.length],
  );
  return new Set(rows.map((row) => row.day));
}

/**
 * Makes the leaves of the days that lack them, each day in a short transaction of its own under an advisory lock.
 * `LIKE` + index + `ATTACH`, since `PARTITION OF` would wait for every reader and make all others wait behind it.
 * Days below the floor get none.
 * @param onDay a sign of life after each: with thousands of leaves, ATTACH of one takes tenths of a second
 */
export async function ensureDays(
  client: pg.ClientBase,
  name: string,
  days: readonly Day[],
  onDay: () => void = () => undefined,
): Promise<void> {
  const existing = await existingDays(client);
  for (const day of days.filter((day) => !existing.has(day)).sort()) {
    await inTransaction(client, async () => {
      if (isBelow(dayStartUs(day), await holdFloor(client))) return;
      await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`clickstream days ${name}`]);
      for (const family of FAMILIES) await ensureLeaf(client, family, day);
    });
    onDay();
  }
}

async function ensureLeaf(client: pg.ClientBase, family: Family, day: Day): Promise<void> {
  const leaf = quoteIdent(leafName(family, day));
  const parent = quoteIdent(family);
  const { rows } = await client.query<{ found: string | null }>(
    "SELECT to_regclass(format('%I.%I', current_schema(), $1::text)) AS found",
    [leafName(family, day)],
  );
  if (rows[0]?.found !== null) return;
  const from = startOf(day);
  const to = new Date(from.getTime() + 86_400_000);
  const [low, high] = [quoteLiteral(from.toISOString()), quoteLiteral(to.toISOString())];
  await client.query(`CREATE TABLE ${leaf} (LIKE ${parent} INCLUDING ALL)`);
  // The check spares ATTACH its scan.
  await client.query(
    `ALTER TABLE ${leaf} ADD CONSTRAINT bounds CHECK (event_time >= ${low} AND event_time < ${high})`,
  );
  if (family === 'click_data') await client.query(`CREATE UNIQUE INDEX ON ${leaf} (event_id)`);
  await client.query(`ALTER TABLE ${parent} ATTACH PARTITION ${leaf} FOR VALUES FROM (${low}) TO (${high})`);
  await client.query(`ALTER TABLE ${leaf} DROP CONSTRAINT bounds`);
}
