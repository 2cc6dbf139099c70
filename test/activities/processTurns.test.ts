import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { ClaimOrder } from '../../activities/claimOrder.js';
import { ProcessTurns } from '../../activities/processTurns.js';
import { withClient } from '../../clients/postgres/pool.js';
import type { BatchRef } from '../../domain/stages.js';
import { until } from '../support/installation.js';
import { install, type Installation } from './installation.js';

/** A batch in a turn, which ends when it is told to. */
class Member {
  static readonly all: Member[] = [];
  inside = false;
  done = false;
  private leave: () => void = () => undefined;
  readonly ended: Promise<unknown>;

  constructor(turns: ProcessTurns, batchId: string, topic = 'clicks', signal = new AbortController().signal) {
    Member.all.push(this);
    const left = new Promise<void>((resolve) => (this.leave = resolve));
    const batch = { batchId, topic } as BatchRef;
    this.ended = new MockActivityEnvironment({ heartbeatTimeoutMs: 60_000 })
      .run(() =>
        turns.during(batch, signal, async () => {
          this.inside = true;
          await left;
        }),
      )
      .finally(() => (this.done = true));
  }

  async end(): Promise<void> {
    this.leave();
    await this.ended;
  }
}

describe('turns of processes', () => {
  let i: Installation;
  const claimOrder = new ClaimOrder();
  const process = (patienceMs?: number): ProcessTurns => new ProcessTurns({ ...i, claimOrder }, patienceMs);
  const comes = (what: string, condition: () => boolean | Promise<boolean>): Promise<void> =>
    until(what, 20_000, condition);
  /** Of connections that wait for a turn of this installation. */
  const waiting = async (): Promise<number> =>
    (
      await i.rows(
        `SELECT FROM pg_stat_activity WHERE starts_with(application_name, $1) AND wait_event = 'advisory'`,
        [`${i.config.name}:claims:turn:`],
      )
    ).length;

  const taken = (turns: ProcessTurns): Promise<boolean> =>
    withClient(i.postgres, 'test', (client) => turns.areTaken(client, 'clicks'));

  before(async () => {
    i = await install('turns');
  });
  afterEach(async () => {
    await Promise.allSettled(Member.all.splice(0).map((member) => member.end()));
  });
  after(() => i.close());

  test('batches of one process have a turn together, those of another wait for its end', async () => {
    const [ours, theirs] = [process(), process()];
    const one = new Member(ours, '1');
    await comes('the first', () => one.inside);
    const two = new Member(ours, '2');
    await comes('the second', () => two.inside);
    const other = new Member(theirs, '3');
    await comes('the other process to wait', async () => (await waiting()) === 1);
    assert.equal(await taken(theirs), true);
    await one.end();
    const late = new Member(ours, '4');
    assert.equal(other.inside, false, 'the second still has it');
    await two.end();
    await comes('the other process', () => other.inside);
    assert.equal(late.inside, false, 'who comes when the first has left has the next turn');
    await other.end();
    await comes('the next turn', () => late.inside);
    await late.end();
    assert.equal(await taken(theirs), false);
  });

  test('a batch that a member waits for comes in when the first has left already', async () => {
    const ours = process();
    for (const id of ['early', 'a', 'b', 'late']) claimOrder.claimed(id);
    const [a, b] = [new Member(ours, 'a'), new Member(ours, 'b')];
    await comes('both', () => a.inside && b.inside);
    await a.end();
    const early = new Member(ours, 'early');
    const late = new Member(ours, 'late');
    await comes('the awaited one', () => early.inside);
    assert.equal(late.inside, false);
    await b.end();
    await early.end();
    await comes('the other one', () => late.inside);
    await late.end();
  });

  test('topics have turns of their own', async () => {
    const one = new Member(process(), '1', 'clicks');
    const two = new Member(process(), '2', 'orders');
    await comes('both', () => one.inside && two.inside);
    await Promise.all([one.end(), two.end()]);
  });

  test('a batch whose patience ends goes on without, one that is given up does not wait', async () => {
    const holder = new Member(process(), '1');
    await comes('the first', () => holder.inside);
    const impatient = new Member(process(20), '2');
    await comes('the impatient one', () => impatient.inside);
    await impatient.end();
    const given = new AbortController();
    const aborted = new Member(process(), '3', 'clicks', given.signal);
    await comes('it to wait', async () => (await waiting()) === 1);
    given.abort(new Error('given up'));
    await assert.rejects(aborted.ended, /given up/);
    assert.equal(aborted.inside, false);
    await holder.end();
    await comes('nobody to wait', async () => (await waiting()) === 0);
  });

  test('a connection that is ended ends the turn alone, not the batch', async () => {
    const ours = process();
    const one = new Member(ours, '1');
    await comes('the first', () => one.inside);
    await i.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE starts_with(application_name, $1) AND pid <> pg_backend_pid()`,
      [`${i.config.name}:claims:turn:`],
    );
    const other = new Member(process(), '2');
    await comes('the other process', () => other.inside);
    await Promise.all([one.end(), other.end()]);
  });
});
