import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { resetWaits } from '../clients/postgres/aggregate/lock.js';
import { MAX_DAYS, type Day } from '../clients/postgres/days.js';
import { sqlState } from '../clients/postgres/errors.js';
import { withClient } from '../clients/postgres/pool.js';
import { expireDeadLetters } from '../clients/postgres/retention/deadLetters.js';
import { countRetired, dropDays, lockDays, moveFloor } from '../clients/postgres/retention/drop.js';
import { floorText, readFloor, type Floor } from '../clients/postgres/retention/floor.js';
import { clickDays, isMarkedBelow, planPortion, targetFloor } from '../clients/postgres/retention/plan.js';
import { hasDoneTombstones, purgeTombstones } from '../clients/postgres/retention/tombstones.js';
import type { ApplyRetentionInput, RetentionResult } from '../domain/stages.js';
import type { BaseDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { keepAlive, lockFigures, writerOf } from './figuresLock.js';
import type { KeptAlive } from './keptAlive.js';

/** Dead letters or tombstones of one statement. */
const MAX_ROWS = 10_000;
/** A reader that holds the tables for longer than a few tries is left in peace until the next run. */
const TRIES = 3;
const BETWEEN_TRIES_MS = 2_000;
/** Another writer of figures applies retention itself when it is done. */
const LOCK_PATIENCE_MS = 60_000;
/** SQLSTATE: a view or the like was made on a leaf. */
const DEPENDENT_OBJECTS = '2BP01';

/**
 * Removes what is past its retention: whole days of clicks in all families, moving the floor in the same
 * transaction; dead letters; tombstones that every index has. Nobody waits behind it for longer than
 * `BRIEF_MS`; what cannot go now stays for the next run, which the answer says. A run that finds nothing
 * due takes no lock.
 */
export function createApplyRetention(
  deps: BaseDeps,
): (input: ApplyRetentionInput) => Promise<RetentionResult> {
  return wrapActivity(async () => {
    const began = Date.now();
    const writer = writerOf(deps.config.name, 'retention');
    const done = await withClient(deps.postgres, writer.application, async (client) => {
      const alive = keepAlive(deps, writer.application, client);
      try {
        return await new Retention(deps, writer.application, client, alive).run();
      } finally {
        await alive.stop();
      }
    });
    const result = { ...done, ms: Date.now() - began };
    deps.logger.info(result, 'retention applied');
    return result;
  });
}

/** `more`: another portion is due; `again`: this one could not go now. */
type Outcome = 'done' | 'more' | 'again';

class Retention {
  private days = 0;
  private clicks = 0;
  private deadLetters = 0;
  private tombstones = 0;
  private daysLeft = 0;
  private held: string | undefined;

  constructor(
    private readonly deps: BaseDeps,
    private readonly application: string,
    private readonly client: pg.PoolClient,
    private readonly alive: KeptAlive,
  ) {}

  async run(): Promise<Omit<RetentionResult, 'ms'>> {
    const { client, alive } = this;
    const { clickDays: keepDays, deadLetterDays } = this.deps.config.retention;
    if (deadLetterDays !== undefined) await this.expire(deadLetterDays);
    if (keepDays !== undefined) await this.dropDays(keepDays);
    if (await alive.exclusive(() => hasDoneTombstones(client))) await this.purge();
    const { days, clicks, deadLetters, tombstones, daysLeft, held } = this;
    const floor = await alive.exclusive(() => readFloor(client));
    return {
      ...(floor !== undefined && { floor: floorText(floor) }),
      ...{ days, clicks, deadLetters, tombstones, daysLeft },
      ...(held !== undefined && { held }),
    };
  }

  private async expire(keepDays: number): Promise<void> {
    for (let removed = MAX_ROWS; removed === MAX_ROWS;) {
      this.alive.signal.throwIfAborted();
      removed = await this.alive.exclusive(() => expireDeadLetters(this.client, keepDays, MAX_ROWS));
      this.deadLetters += removed;
    }
  }

  /** Portion after portion, until none is due or the rest is held. */
  private async dropDays(keepDays: number): Promise<void> {
    const { client, alive } = this;
    for (let tries = 1; await alive.exclusive(() => dueFloor(client, keepDays));) {
      const outcome = await this.underLock(() => this.dropPortion(keepDays));
      if (outcome === 'done' || (outcome === 'again' && tries++ >= TRIES)) return;
      if (outcome === 'again') await sleep(BETWEEN_TRIES_MS, undefined, { signal: alive.signal });
    }
  }

  private async dropPortion(keepDays: number): Promise<Outcome> {
    const { client, deps } = this;
    const due = await dueFloor(client, keepDays);
    if (due === undefined) return 'done';
    const { to, days, clicks, daysLeft, held } = await planPortion(client, due.target, due.days, MAX_DAYS);
    this.daysLeft = days.length + daysLeft;
    this.held = held;
    if (isAtLeast(due.floor, to)) return 'done';
    if (!(await lockDays(client, days))) return this.hold('others read or write the tables', 'again');
    // Batches that we waited for may have brought late clicks.
    if (await isMarkedBelow(client, to)) return this.hold('late clicks wait for their figures', 'again');
    try {
      await dropDays(client, days);
    } catch (e) {
      if (sqlState(e) !== DEPENDENT_OBJECTS || !(e instanceof Error)) throw e;
      return this.hold(e.message, 'done');
    }
    await moveFloor(client, to);
    await countRetired(client, clicks);
    await deps.failpoint('applyRetention:before-commit');
    await client.query('COMMIT');
    await deps.failpoint('applyRetention:after-commit');
    this.days += days.length;
    this.clicks += clicks;
    this.daysLeft = daysLeft;
    return held === undefined && to < due.target ? 'more' : 'done';
  }

  private hold(why: string, outcome: Outcome): Outcome {
    this.held = why;
    return outcome;
  }

  private async purge(): Promise<void> {
    const outcome = await this.underLock(async () => {
      const removed = await purgeTombstones(this.client, MAX_ROWS);
      await this.client.query('COMMIT');
      this.tombstones += removed;
      return removed === MAX_ROWS ? 'more' : 'done';
    });
    if (outcome === 'more') await this.purge();
  }

  /** A transaction that writes figures; what `use` does not commit is rolled back. */
  private async underLock(use: () => Promise<Outcome>): Promise<Outcome> {
    const { client, alive, application, deps } = this;
    alive.signal.throwIfAborted();
    const others = await lockFigures(deps, application, client, alive, 'READ COMMITTED', {
      patienceMs: LOCK_PATIENCE_MS,
    });
    if (others !== undefined) return this.hold(`others write figures: ${others.join(', ')}`, 'done');
    return alive.exclusive(async () => {
      const outcome = await use();
      // Nothing is left to roll back where it committed.
      await client.query('ROLLBACK');
      await resetWaits(client);
      return outcome;
    });
  }
}

/** What the setting asks for, when that is more than was done already. */
async function dueFloor(
  client: pg.ClientBase,
  keepDays: number,
): Promise<{ readonly target: bigint; readonly floor: Floor; readonly days: readonly Day[] } | undefined> {
  const floor = await readFloor(client);
  const days = await clickDays(client);
  const target = await targetFloor(client, days, keepDays);
  return target === undefined || isAtLeast(floor, target) ? undefined : { target, floor, days };
}

const isAtLeast = (floor: Floor, target: bigint): boolean => floor !== undefined && floor >= target;
