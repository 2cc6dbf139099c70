import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import pg from 'pg';
import type { StatusReport } from '../../cli/status/report.js';
import type { AnalyzeResult, PipelineResult } from '../../domain/stages.js';
import { randomFrom } from '../support/figures.js';
import { withInstallation, type Installation } from '../support/installation.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const FIRST = Date.UTC(2026, 0, 29);
/** Five days, the last of them February's second; with three kept, January is half frozen. */
const DAYS = 5;
const FLOOR = '2026-01-31T00:00:00Z';

const event = (id: string, t: number, more: object = {}): string =>
  JSON.stringify({
    event_id: id,
    t,
    url: `/page/${t % 5}`,
    ip: `198.51.100.${(t / 1000) % 40}`,
    user_agent: 'Mozilla/5.0 Firefox/140.0',
    ...more,
  });

/** Visits all around the clock, over each midnight too, and a record that nobody can read. */
function visits(): string[] {
  const random = randomFrom(5);
  const clicks = Array.from({ length: 1200 }, (_, i) =>
    event(`e${i}`, FIRST + Math.floor(random() * DAYS * 24 * 120) * 30_000),
  );
  return [...clicks, '{'];
}

const keeping =
  (clicks: string) =>
  (yaml: string): string =>
    `${yaml}\nretention: { clicks: ${clicks}, dead_letters: 30d }\n`;

const send = async (installation: Installation, lines: readonly string[]): Promise<void> => {
  const { code, stderr } = await installation.run(['produce', '-'], {}, `${lines.join('\n')}\n`);
  assert.equal(code, 0, stderr);
};
const status = (installation: Installation): Promise<StatusReport> =>
  installation.json<StatusReport>(['status']);
const assertVerified = async (installation: Installation): Promise<void> => {
  const { code, stdout, stderr } = await installation.run(['verify', '--drained']);
  assert.equal(code, 0, stdout + stderr);
};
const figures = async (installation: Installation, grain: string): Promise<string> =>
  (await installation.run(['metrics', '--grain', grain, '--to', FLOOR, '--csv'])).stdout;

async function sql(installation: Installation, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({
    connectionString: process.env['DATABASE_URL'],
    options: `-c search_path=${installation.name}`,
  });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

test('old days go, their figures stay in the index, late events are clicks or filtered, and all of it adds up', () =>
  withInstallation(
    'retention',
    async (installation) => {
      const worker = await installation.worker();
      await send(installation, visits());
      const first = await installation.json<PipelineResult>(['pipeline']);
      assert.equal(first.analyze.retention?.days, 2);
      const now = await status(installation);
      assert.deepEqual([now.persisted, now.dead_letters, now.floor, now.filtered_by], [1200, 1, FLOOR, {}]);
      assert.ok((now.frozen_clicks ?? 0) > 300);
      assert.equal((now.clicks ?? 0) + (now.frozen_clicks ?? 0), 1200);
      assert.deepEqual(now.documents_clicks_by_grain, { hour: 1200, day: 1200, month: 1200, total: 1200 });
      await assertVerified(installation);
      const frozen = [await figures(installation, 'hour'), await figures(installation, 'day')];

      await send(installation, [
        event('late and gone', Date.parse(FLOOR) - 1),
        event('late and kept', Date.parse(FLOOR)),
        event('new', FIRST + DAYS * DAY - 1),
      ]);
      await installation.json(['pipeline']);
      const later = await status(installation);
      assert.deepEqual(
        [later.persisted, later.filtered, later.filtered_by, later.documents_clicks],
        [1202, 1, { before_retention: 1 }, 1202],
      );
      assert.deepEqual([await figures(installation, 'hour'), await figures(installation, 'day')], frozen);
      await assertVerified(installation);

      await sql(installation, "UPDATE dead_letter SET rejected_at = rejected_at - interval '31 days'");
      const analyzed = await installation.json<AnalyzeResult>(['analyze']);
      assert.equal(analyzed.retention?.deadLetters, 1);
      const last = await status(installation);
      assert.deepEqual([last.dead_letters, last.expired_dead_letters], [1, 1]);
      await assertVerified(installation);

      // What verify is for: a frozen figure that was changed is found, in the index and in the account.
      await sql(
        installation,
        `UPDATE click_metrics SET click_count = click_count + 1 WHERE figure_id =
           (SELECT figure_id FROM click_metrics WHERE grain = 'hour' AND window_start < '${FLOOR}' LIMIT 1)`,
      );
      const wrong = await installation.run(['verify']);
      assert.equal(wrong.code, 1);
      for (const check of [
        'frozen hours hold the clicks that retention dropped',
        'documents per hour equal the figures',
        'figures per day equal those recomputed from the rows',
      ])
        assert.match(wrong.stdout, new RegExp(`✘ ${check}`));
      assert.equal(await worker.terminate(), 0);
    },
    keeping('3d'),
  ));

describe('kill -9 while retention is applied', { concurrency: 2 }, () => {
  for (const place of ['applyRetention:before-commit', 'applyRetention:after-commit'])
    test(`at ${place}`, () =>
      withInstallation(
        `kill ${place}`,
        async (installation) => {
          const env = {
            CLICKSTREAM_FAILPOINT: place,
            CLICKSTREAM_FAILPOINT_MARKER: path.join(installation.folder, 'killed'),
            CLICKSTREAM_HEARTBEAT_MS: '5000',
          };
          await send(installation, visits());
          const victim = await installation.worker({ env });
          const run = installation.run(['pipeline']);
          assert.equal((await victim.exited).signal, 'SIGKILL');
          await installation.worker({ env });
          const { code, stderr } = await run;
          assert.equal(code, 0, stderr);
          const { floor, clicks, frozen_clicks: frozen } = await status(installation);
          assert.equal(floor, FLOOR);
          assert.equal((clicks ?? 0) + (frozen ?? 0), 1200);
          await assertVerified(installation);
        },
        keeping('3d'),
      ));
});
