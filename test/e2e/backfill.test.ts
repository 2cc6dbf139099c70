import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import type { BackfillProgress, BackfillResult } from '../../domain/backfill/result.js';
import type { AnalyzeResult } from '../../domain/stages.js';
import { ROOT } from '../support/cli.js';
import { randomFrom } from '../support/figures.js';
import { until, withInstallation, type Installation } from '../support/installation.js';

const FIRST = Date.UTC(2026, 0, 30);
const DAYS = 4;

const event = (id: string, t: number): string =>
  JSON.stringify({
    event_id: id,
    t,
    url: `/page/${(t / 30_000) % 5}`,
    ip: `198.51.100.${(t / 1000) % 40}`,
    user_agent: 'Mozilla/5.0 Firefox/140.0',
  });

/** Visits all around the clock of four days, over the end of a month. */
function visits(): string[] {
  const random = randomFrom(9);
  return Array.from({ length: 800 }, (_, i) =>
    event(`e${i}`, FIRST + Math.floor(random() * DAYS * 24 * 120) * 30_000),
  );
}

async function sql(
  installation: Installation,
  text: string,
): Promise<pg.QueryResult<Record<string, unknown>>> {
  const client = new pg.Client({
    connectionString: process.env['DATABASE_URL'],
    options: `-c search_path=${installation.name} -c timezone=UTC`,
  });
  await client.connect();
  try {
    return await client.query<Record<string, unknown>>(text);
  } finally {
    await client.end();
  }
}

const send = async (installation: Installation, lines: readonly string[]): Promise<void> => {
  const { code, stderr } = await installation.run(['produce', '-'], {}, `${lines.join('\n')}\n`);
  assert.equal(code, 0, stderr);
};
const assertVerified = async (installation: Installation): Promise<void> => {
  const { code, stdout, stderr } = await installation.run(['verify', '--drained']);
  assert.equal(code, 0, stdout + stderr);
};
const versions = async (installation: Installation): Promise<unknown> =>
  (await sql(installation, 'SELECT figure_id, version FROM click_metrics ORDER BY figure_id')).rows;

test('a backfill puts right what changed behind the marks, says so before, once only, past a failing day, beside live runs', () =>
  withInstallation('backfill', async (installation) => {
    await installation.worker();
    await send(installation, visits());
    await installation.json(['pipeline']);
    const backfill = (...args: string[]) => installation.json<BackfillResult>(['backfill', ...args]);

    // Rows that somebody changed by hand, on two days; nothing marks them.
    const corrected = await sql(
      installation,
      "UPDATE click_data SET url = '/page' WHERE event_time >= '2026-01-31' AND event_time < '2026-01-31T12:00'",
    );
    assert.ok((corrected.rowCount ?? 0) > 50);
    await sql(
      installation,
      "UPDATE click_data SET url = '/moved' WHERE event_time >= '2026-02-01T06:00' AND event_time < '2026-02-01T09:00'",
    );
    const before = await versions(installation);
    const foreseen = await backfill('--dry-run');
    assert.deepEqual(await versions(installation), before, 'a dry run writes nothing');
    assert.deepEqual(
      foreseen.changedDays.map(({ day }) => day),
      ['2026-01-31', '2026-02-01'],
    );

    // The second of the two days cannot be written.
    await sql(
      installation,
      `ALTER TABLE click_metrics ADD CONSTRAINT broken
         CHECK (url <> '/moved' OR window_start <> '2026-02-01T06:00Z') NOT VALID`,
    );
    const { code, stdout, stderr } = await installation.run(['backfill', '--json']);
    assert.equal(code, 4, stdout + stderr);
    const failed = JSON.parse(stdout) as BackfillResult;
    assert.deepEqual([failed.outcome, failed.days, failed.failedDays], ['days failed', DAYS - 1, 1]);
    assert.deepEqual(
      failed.failed.map(({ from, to }) => [from, to]),
      [['2026-02-01', '2026-02-02']],
    );
    assert.match(failed.failed[0]?.reason ?? '', /SQLSTATE 23514 at click_metrics.broken/);
    assert.deepEqual(failed.changedDays, foreseen.changedDays.slice(0, 1), 'as foreseen');
    assert.equal(failed.index?.indexed, failed.changed - failed.vanished);

    await sql(installation, 'ALTER TABLE click_metrics DROP CONSTRAINT broken');
    const again = await backfill('--from', '2026-02-01', '--to', '2026-02-02');
    assert.deepEqual(again.changedDays, foreseen.changedDays.slice(1), 'as foreseen');
    assert.equal(again.index?.indexed, again.changed - again.vanished);
    await assertVerified(installation);

    const after = await versions(installation);
    const second = await backfill();
    assert.deepEqual(
      [second.outcome, second.days, second.changed, second.vanished, second.index?.indexed],
      ['done', DAYS, 0, 0, 0],
    );
    assert.deepEqual(await versions(installation), after);

    // Paused in the middle while a live run takes new clicks, then gone on with.
    await sql(installation, "UPDATE click_metrics SET timed_clicks = 0 WHERE grain = 'hour' AND NOT deleted");
    const { workflowId } = await installation.json<{ workflowId: string }>(['backfill', '--no-wait']);
    assert.equal(workflowId, `${installation.name}-backfill-all`);
    const paused = await installation.json<BackfillProgress>(['backfill', 'pause']);
    assert.equal(paused.paused, true);
    await send(installation, [event('late', FIRST + 3_600_000)]);
    const live = await installation.json<{ analyze: AnalyzeResult }>(['pipeline']);
    assert.ok(live.analyze.aggregation.changed > 0);
    const resumed = await installation.json<BackfillProgress>(['backfill', 'resume']);
    assert.ok(resumed.days < DAYS, `${resumed.days} days were done in the pause`);
    // Joins the run that was resumed, or comes after it and finds nothing to change: it may be over by now.
    const joined = await backfill();
    assert.deepEqual([joined.outcome, joined.days], ['done', DAYS]);
    await assertVerified(installation);

    // Cancelled: nothing goes on, and what is left is done by the next one.
    await sql(installation, "UPDATE click_metrics SET timed_clicks = 0 WHERE grain = 'hour' AND NOT deleted");
    await installation.json(['backfill', '--no-wait']);
    await until('the backfill to be listed', 20_000, async () => {
      const { running } = await installation.json<{ running: boolean; workflowId?: string }>([
        'backfill',
        'pause',
      ]);
      return running;
    });
    const ended = await installation.run(['backfill', 'cancel']);
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /^ended .*-backfill-all: \d days? done, \d left/);
    assert.match((await installation.run(['backfill', 'cancel'])).stdout, /^no backfill runs|does not run/);
    assert.equal(
      (await backfill('--from', '2026-01-30T10:00Z', '--to', '2026-02-02T00:00:00.5Z')).days,
      DAYS,
    );
    await assertVerified(installation);

    for (const [args, said] of [
      [['--from', '2026-02-30'], /--from: expected a date or a time .*got "2026-02-30"/],
      [['--from', '2026-02-02', '--to', '2026-02-01'], /--to: expected a time after --from/],
      [['resume', '--frm', 'x'], /unknown option '--frm'/],
    ] as const) {
      const refused = await installation.run(['backfill', ...args]);
      assert.equal(refused.code, 2, refused.stdout);
      assert.match(refused.stderr, said);
    }
    const none = await installation.run(['backfill', '--from', '2030-01-01']);
    assert.equal(none.code, 0, none.stderr);
    assert.match(none.stdout, /no day to compute: 2030-01-01 and later has neither clicks nor figures/);
  }));

test('Ctrl-C in the middle of a day ends the waiting alone: it exits 130, says that the run goes on, how to follow and how to end it', () =>
  withInstallation('interrupted', async (installation) => {
    await installation.worker();
    await send(installation, visits());
    await installation.json(['pipeline']);
    const holder = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
    await holder.connect();
    try {
      // The day in hand waits for it.
      await holder.query(`BEGIN; LOCK TABLE ${installation.name}.aggregate_run IN EXCLUSIVE MODE`);
      const child = spawn(
        process.execPath,
        [path.join(ROOT, 'cli/clickstream.mjs'), '--config', installation.config, 'backfill'],
        { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
      );
      const said = { out: '', err: '' };
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said.out += chunk));
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said.err += chunk));
      await until('the day to be in hand', 60_000, async () => {
        const { rows } = await sql(
          installation,
          `SELECT FROM pg_stat_activity WHERE application_name LIKE '${installation.name}:backfill:%'`,
        );
        return rows.length > 0;
      });
      child.kill('SIGINT');
      const [code] = (await once(child, 'close')) as [number | null];
      assert.equal(code, 130, said.err);
      assert.equal(said.out, '');
      assert.match(
        said.err,
        /-backfill-all goes on: the same command follows it again, `clickstream .*backfill cancel` ends it/,
      );
      assert.doesNotMatch(said.err, /\n\s+at /);
    } finally {
      await holder.end();
    }
    const followed = await installation.run(['backfill', '--json']);
    assert.equal(followed.code, 0, followed.stderr);
    const result = JSON.parse(followed.stdout) as BackfillResult;
    assert.deepEqual([result.outcome, result.days], ['done', DAYS]);
    await assertVerified(installation);
  }));
