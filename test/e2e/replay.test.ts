import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { withInstallation } from '../support/installation.js';

interface Replayed {
  readonly examined: number;
  readonly persisted: number;
  readonly duplicates: number;
  readonly filtered: number;
  readonly stay: number;
}

const GOOD = 'url: { type: text, from: [url], required: true }';
const BROKEN = 'url: { type: text, from: [page], required: true }';

const lines = [
  ...Array.from({ length: 30 }, (_, n) =>
    JSON.stringify({ event_id: `event-${n}`, t: 1_700_000_000_000 + n * 1000, url: `/page/${n % 3}` }),
  ),
  'not json',
];

test('after a wrong mapping: mend it, restart the worker, replay; every click is there, and again nothing happens', async () => {
  await withInstallation(
    'replay',
    async (installation) => {
      const replay = (...args: string[]) => installation.json<Replayed>(['dead-letters', 'replay', ...args]);
      const sent = await installation.run(['produce', '-'], {}, `${lines.join('\n')}\n`);
      assert.equal(sent.code, 0, sent.stderr);
      const old = await installation.worker();
      await installation.json(['pipeline']);
      const before = await installation.status();
      assert.deepEqual([before.records, before.persisted, before.dead_letters], [31, 0, 31]);
      const listed = await installation.run([
        'dead-letters',
        'list',
        '--reason',
        'missing_required',
        '--limit',
        '3',
      ]);
      assert.equal(listed.stdout.match(/missing_required {2}click_data\.url/g)?.length, 3, listed.stdout);

      const yaml = readFileSync(installation.config, 'utf8');
      writeFileSync(installation.config, yaml.replace(BROKEN, GOOD));
      const moves = { examined: 31, persisted: 30, duplicates: 0, filtered: 0, stay: 1 };
      assert.deepEqual(await replay('--all', '--dry-run'), { dry_run: true, ...moves });
      const passed = await installation.run(['pipeline']);
      assert.match(passed.stderr, /another mapping .*restart all workers.*of the worker's mapping/);
      const forgotten = await installation.run(['dead-letters', 'replay', '--all']);
      assert.equal(forgotten.code, 4);
      assert.match(forgotten.stderr, /another mapping .*restart all workers/);
      assert.equal((await installation.status()).dead_letters, 31, 'nothing has moved yet');

      assert.equal(await old.terminate(), 0);
      await installation.worker();
      const { examined, persisted, duplicates, filtered, stay } = await replay('--all');
      assert.deepEqual({ examined, persisted, duplicates, filtered, stay }, moves, 'as foreseen');
      const moved = await installation.status();
      assert.deepEqual([moved.records, moved.persisted, moved.dead_letters], [31, 30, 1]);
      const again = await replay('--all');
      assert.deepEqual([again.examined, again.persisted, again.stay], [1, 0, 1]);

      await installation.json(['pipeline']);
      assert.equal((await installation.status()).documents_clicks, 30);
      const verified = await installation.run(['verify', '--drained']);
      assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    },
    (yaml) => yaml.replace(GOOD, BROKEN),
  );
});

test('a replay that chooses nothing, or wrongly, is refused by name', async () => {
  await withInstallation('replay args', async (installation) => {
    const cases: readonly [string[], RegExp][] = [
      [[], /expected --reason, --field, --id, --from, --to or --all/],
      [['--reason', 'nosuch'], /--reason: expected one of tombstone, .*refused_by_database, got "nosuch"/],
      [['--id', 'x'], /id: expected a whole number, got "x"/],
      [['--from', 'soon'], /--from: expected a date or a time/],
    ];
    for (const [args, said] of cases) {
      const { code, stderr } = await installation.run(['dead-letters', 'replay', ...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, said);
    }
  });
});
