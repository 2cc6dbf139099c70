/** What is due: which days lie below the floor that the setting asks for, and which of them may go. */
import type pg from 'pg';
import { DAY_US, dayOf, dayStartUs, leafName, type Day } from '../days.js';
import { quoteIdent } from '../sql.js';
import { floorText, type Floor } from './floor.js';

type Client = Pick<pg.ClientBase, 'query'>;

/** The days that have a leaf of clicks, oldest first. */
export async function clickDays(client: Client): Promise<readonly Day[]> {
  const { rows } = await client.query<{ day: Day }>(
    `SELECT right(c.relname, 8) AS day FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = to_regclass('click_data') ORDER BY day`,
  );
  return rows.map((row) => row.day);
}

/** The newest day with a click. */
async function newestDay(client: Client, days: readonly Day[]): Promise<Day | undefined> {
  for (const day of [...days].reverse()) {
    const leaf = quoteIdent(leafName('click_data', day));
    const { rows } = await client.query<{ some: boolean }>(`SELECT EXISTS (SELECT FROM ${leaf}) AS some`);
    if (rows[0]?.some === true) return day;
  }
  return undefined;
}

/**
 * Where the floor belongs: so many days before now or before the end of the newest day with clicks, whichever is
 * earlier, down to the UTC day. A clock that is ahead alone, or events that are ahead alone, drop nothing early;
 * the clock is PostgreSQL's, never a worker's.
 * @returns undefined: there are no clicks
 */
export async function targetFloor(client: Client, days: readonly Day[], keepDays: number): Promise<Floor> {
  const newest = await newestDay(client, days);
  if (newest === undefined) return undefined;
  const { rows } = await client.query<{ target: string }>(
    `SELECT (extract(epoch FROM date_trunc('day', least(now(), $1::timestamptz) - $2 * interval '1 day', 'UTC'))
             * 1000000)::bigint AS target`,
    [floorText(dayStartUs(newest) + DAY_US), keepDays],
  );
  return BigInt(rows[0]?.target ?? 0);
}

/** Begin of the oldest hour that waits for its figures. */
async function oldestMark(client: Client): Promise<bigint | undefined> {
  const { rows } = await client.query<{ us: string | null }>(
    'SELECT (extract(epoch FROM min(window_start)) * 1000000)::bigint AS us FROM window_mark',
  );
  const us = rows[0]?.us ?? null;
  return us === null ? undefined : BigInt(us);
}

/** Whether an hour below `to` waits for its figures. */
export async function isMarkedBelow(client: Client, to: bigint): Promise<boolean> {
  const oldest = await oldestMark(client);
  return oldest !== undefined && oldest < to;
}

async function rowsOf(client: Client, day: Day): Promise<number> {
  const leaf = quoteIdent(leafName('click_data', day));
  const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${leaf}`);
  return Number(rows[0]?.n ?? 0);
}

/** Clicks that the hours' figures of a day hold. */
async function figuresOf(client: Client, day: Day): Promise<number> {
  const { rows } = await client.query<{ n: string }>(
    `SELECT coalesce(sum(click_count), 0) AS n FROM click_metrics
      WHERE grain = 'hour' AND NOT deleted AND window_start >= $1 AND window_start < $2`,
    [floorText(dayStartUs(day)), floorText(dayStartUs(day) + DAY_US)],
  );
  return Number(rows[0]?.n ?? 0);
}

export interface Portion {
  /** Where the floor moves to. */
  readonly to: bigint;
  /** Days to drop, all of them below `to`. */
  readonly days: readonly Day[];
  readonly clicks: number;
  /** Days that are due and lie at or above `to`. */
  readonly daysLeft: number;
  /** Why days are left, in words; absent: they come in the next portion. */
  readonly held?: string;
}

/**
 * The next days that may go, oldest first. A day stays, and those after it, while one of its hours waits for its
 * figures, or when its figures do not hold as many clicks as it has rows: figures outlive the rows, so they must
 * be whole. The caller holds the figures' lock, so neither changes until it is done.
 */
export async function planPortion(
  client: Client,
  target: bigint,
  days: readonly Day[],
  maxDays: number,
): Promise<Portion> {
  const due = days.filter((day) => dayStartUs(day) < target);
  const oldest = await oldestMark(client);
  const marked = oldest === undefined ? undefined : dayStartUs(dayOf(oldest));
  let to = marked !== undefined && marked < target ? marked : target;
  let held = to < target ? `hours from ${floorText(oldest)} on wait for their figures` : undefined;
  const taken: Day[] = [];
  let clicks = 0;
  for (const day of due) {
    if (dayStartUs(day) >= to) break;
    if (taken.length >= maxDays) {
      to = dayStartUs(day);
      held = undefined;
      break;
    }
    const rows = await rowsOf(client, day);
    const counted = await figuresOf(client, day);
    if (rows !== counted) {
      to = dayStartUs(day);
      held = `the figures of ${floorText(to).slice(0, 10)} count ${counted} of its ${rows} clicks`;
      break;
    }
    taken.push(day);
    clicks += rows;
  }
  return {
    to,
    days: taken,
    clicks,
    daysLeft: due.length - taken.length,
    ...(held !== undefined && { held }),
  };
}
