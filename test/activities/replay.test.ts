import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createReplayDeadLetters } from '../../activities/replayDeadLetters.js';
import { mappingFingerprint } from '../../clients/settings/fingerprint.js';
import { addCounts, NO_COUNTS } from '../../domain/stages.js';
import type {
  Counts,
  ReplayDeadLettersInput,
  ReplayDeadLettersResult,
  ReplaySelection,
} from '../../domain/stages.js';
import { click, install, type Installation } from './installation.js';
import { sumOf } from './sums.js';

/** An installation, and the same one under a configuration that was changed. */
async function withInstallations(
  what: string,
  edit: (yaml: string) => string,
  use: (before: Installation, after: Installation) => Promise<void>,
): Promise<void> {
  const before = await install(what);
  try {
    const after = await install(what, { base: before, text: edit });
    try {
      await use(before, after);
    } finally {
      await after.close();
    }
  } finally {
    await before.close();
  }
}

const same = (yaml: string): string => yaml;
/** Takes the page from `link`, too. */
const link = (yaml: string): string => yaml.replace('from: [url]', 'from: [url, link]');

const call = (
  i: Installation,
  input: ReplayDeadLettersInput,
  attempt = 1,
): Promise<ReplayDeadLettersResult> =>
  new MockActivityEnvironment({ attempt, heartbeatTimeoutMs: 3000 }).run(createReplayDeadLetters(i), input);

/** Page by page to the end, as the workflow does. */
async function replayAll(
  i: Installation,
  selection: ReplaySelection = {},
  limit?: number,
): Promise<{ counts: Counts; pages: number; examined: number }> {
  const more = limit === undefined ? {} : { limit };
  let answer = await call(i, { selection, ...more });
  let [counts, pages, examined] = [NO_COUNTS, 0, 0];
  while (answer.next !== undefined) {
    const page = answer.next;
    answer = await call(i, { selection, upTo: answer.upTo, page, ...more });
    counts = addCounts(counts, answer.counts);
    pages += 1;
    examined += page.letters;
  }
  return { counts, pages, examined };
}

const moved = (counts: Counts): number[] => [
  counts.records,
  counts.persisted,
  counts.duplicates,
  counts.deadLetters,
  counts.filtered,
];

/** The equation over the whole ledger, and the ledger against the tables. */
async function account(i: Installation): Promise<number[]> {
  const [row] = await i.rows(
    `SELECT sum(records) AS r, sum(persisted) AS p, sum(duplicates) AS d, sum(dead_letters) AS l, sum(filtered) AS f,
            (SELECT count(*) FROM click_data) AS clicks, (SELECT count(*) FROM dead_letter) AS letters FROM batch`,
  );
  const [r, p, d, l, f, clicks, letters] = Object.values(row ?? {}).map(Number);
  assert.equal(r, (p ?? 0) + (d ?? 0) + (l ?? 0) + (f ?? 0), 'the account balances');
  assert.deepEqual([p, l], [clicks, letters], 'the ledger counts what the tables hold');
  return [r, p, d, l, f].map((n) => n ?? 0);
}

const broken = (i: number, more: object = {}): string =>
  click(i, { url: undefined, link: `/page/${i}`, ...more });
const everything = (i: Installation): Promise<unknown> =>
  Promise.all(
    [
      'SELECT * FROM clicks ORDER BY click_id',
      'SELECT d.*, ctid FROM dead_letter d ORDER BY 1',
      'SELECT * FROM batch ORDER BY 1',
    ].map((sql) => i.rows(sql)),
  );

describe('replay of dead letters', () => {
  test('those that pass now become what ingestion would have made; the others stay untouched; again nothing', () =>
    withInstallations('replay', link, async (before, after) => {
      await before.produce([
        click(1),
        broken(2),
        broken(3),
        'no json',
        broken(1),
        broken(3),
        null,
        broken(4),
      ]);
      // The second broken(3) is a duplicate of the first; broken(1) will be one of click 1.
      assert.deepEqual(sumOf(await before.drain()), [8, 1, 1, 6, 0]);
      await before.rows('DELETE FROM window_mark');
      const stay = "SELECT *, ctid FROM dead_letter WHERE reason <> 'missing_required' ORDER BY 1";
      const untouched = await before.rows(stay);

      const { counts, examined } = await replayAll(after);
      assert.deepEqual([moved(counts), examined], [[0, 3, 1, -4, 0], 6]);
      assert.deepEqual(await account(after), [8, 4, 2, 2, 0]);
      assert.deepEqual(await after.rows(stay), untouched, 'not even written again');
      const rows = await after.rows(
        'SELECT (click_id & 1099511627775)::int AS at, url FROM clicks ORDER BY 1',
      );
      assert.deepEqual(
        rows.map(({ at, url }) => [at, url]),
        [
          [0, '/page/1'],
          [1, '/page/2'],
          [2, '/page/3'],
          [7, '/page/4'],
        ],
        'under the ids of their records',
      );
      const marks = await after.rows('SELECT DISTINCT b.kind FROM window_mark JOIN batch b USING (batch_id)');
      assert.deepEqual(marks, [{ kind: 'replay' }], 'the hours are marked, by the replay');

      const all = await everything(after);
      assert.deepEqual((await replayAll(after)).counts, NO_COUNTS);
      assert.deepEqual(await everything(after), all, 'a second replay changes nothing');
    }));

  test('what a filter or the floor of retention takes is filtered, by its reason', () =>
    withInstallations(
      'replay_filter',
      (yaml) =>
        link(yaml).replace('value: json', 'value: json\n  where: [{ not: { field: kind, equals: test } }]'),
      async (before, after) => {
        const old = { t: '2025-06-01T00:00:00Z' };
        await before.produce([broken(1, { kind: 'test' }), broken(2, old), broken(3)]);
        assert.deepEqual(sumOf(await before.drain()), [3, 0, 0, 3, 0]);
        await before.rows("UPDATE retention_floor SET floor = '2025-12-01T00:00:00Z'");
        assert.deepEqual(moved((await replayAll(after)).counts), [0, 1, 0, -3, 2]);
        assert.deepEqual(await account(after), [3, 1, 0, 0, 2]);
        const [row] = await after.rows("SELECT filtered_by FROM batch WHERE kind = 'replay'");
        assert.deepEqual(row, { filtered_by: { where: 1, before_retention: 1 } });
      },
    ));

  for (const place of ['before-commit', 'after-commit'])
    test(`an attempt that dies ${place.replace('-', ' ')} is made up for by the next, and counted once`, () =>
      withInstallations(`replay_${place.slice(0, 5)}`, link, async (before, after) => {
        await before.produce([...Array.from({ length: 20 }, (_, n) => broken(n)), 'no json']);
        await before.drain();
        const { next, upTo } = await call(after, { selection: {} });
        assert.ok(next);
        const dying: Installation = {
          ...after,
          failpoint: (name) =>
            name === `replayDeadLetters:${place}` ? Promise.reject(new Error('died')) : Promise.resolve(),
        };
        await assert.rejects(call(dying, { selection: {}, page: next, upTo }), /died/);
        const again = await call(after, { selection: {}, page: next, upTo }, 2);
        assert.deepEqual(moved(again.counts), [0, 20, 0, -20, 0]);
        assert.equal(again.next, undefined);
        assert.deepEqual(await account(after), [21, 20, 0, 1, 0]);
      }));

  test('two at once, of the same and of other selections, move each dead letter once', () =>
    withInstallations('replay_two', link, async (before, after) => {
      await before.produce([...Array.from({ length: 60 }, (_, n) => broken(n)), 'no json', null]);
      await before.drain();
      const selections = [{}, {}, { reason: 'missing_required' }, { field: 'click_data.url' }];
      await Promise.all(selections.map((selection, n) => replayAll(after, selection, 7 + n)));
      assert.deepEqual(await account(after), [62, 60, 0, 2, 0]);
    }));

  test('beside an ingestion of the same events each of them is one click', () =>
    withInstallations('replay_beside', link, async (before, after) => {
      const numbers = Array.from({ length: 200 }, (_, n) => n);
      await before.produce(numbers.map((n) => broken(n)));
      await before.drain();
      await after.produce(numbers.map((n) => click(n)).reverse());
      const [, drained] = await Promise.all([replayAll(after, {}, 10), after.drain()]);
      assert.equal(sumOf(drained)[0], 200);
      assert.deepEqual(await account(after), [400, 200, 200, 0, 0]);
    }));

  test('what PostgreSQL still refuses stays in place; once it does not, it moves', () =>
    withInstallations('replay_refused', same, async (before) => {
      await before.rows('ALTER TABLE click_data ADD CONSTRAINT odd CHECK (n <> 13 AND n <> 40)');
      await before.produce([13, 14, 40].map((n) => click(n)));
      assert.deepEqual(sumOf(await before.drain()), [3, 1, 0, 2, 0]);
      const { counts, examined } = await replayAll(before);
      assert.deepEqual([moved(counts), examined], [[0, 0, 0, 0, 0], 2]);
      await before.rows('ALTER TABLE click_data DROP CONSTRAINT odd, ADD CHECK (n <> 13)');
      assert.deepEqual(moved((await replayAll(before)).counts), [0, 1, 0, -1, 0]);
      assert.deepEqual(await account(before), [3, 2, 0, 1, 0]);
      await before.rows('UPDATE dead_letter SET value = NULL');
      assert.equal((await replayAll(before)).examined, 0, 'bytes that are gone cannot be decoded');
    }));

  test('a page ends before the letter that would touch a 33rd day, and at its limit', () =>
    withInstallations('replay_days', link, async (before, after) => {
      await before.produce(
        Array.from({ length: 40 }, (_, d) =>
          broken(d, { t: new Date(Date.UTC(2026, 0, 1 + d)).toISOString() }),
        ),
      );
      await before.drain();
      const { next } = await call(after, { selection: {} });
      assert.equal(next?.letters, 32);
      const { pages, counts } = await replayAll(after, {}, 15);
      assert.deepEqual([pages, moved(counts)], [3, [0, 40, 0, -40, 0]]);
    }));

  test('a selection by reason, field, number or time moves those alone', () =>
    withInstallations('replay_select', link, async (before, after) => {
      await before.produce([broken(1), broken(2), click(3, { n: 'x' }), broken(4), broken(5)]);
      await before.drain();
      const ids = (await before.rows('SELECT dead_letter_id FROM dead_letter ORDER BY record_offset')).map(
        (row) => String(row.dead_letter_id),
      );
      const done = async (selection: ReplaySelection): Promise<[number, number]> => {
        const { counts, examined } = await replayAll(after, selection);
        return [examined, counts.persisted];
      };
      assert.deepEqual(await done({ reason: 'wrong_type' }), [1, 0]);
      assert.deepEqual(await done({ field: 'click_data.n' }), [1, 0]);
      assert.deepEqual(await done({ ids: [ids[0] ?? '', '999999'] }), [1, 1]);
      assert.deepEqual(await done({ to: '2020-01-01T00:00:00Z' }), [0, 0]);
      await before.rows(
        "UPDATE dead_letter SET rejected_at = '2026-05-05T05:05:05Z' WHERE dead_letter_id = $1",
        [ids[1]],
      );
      assert.deepEqual(await done({ from: '2026-05-05T05:05:05Z', to: '2026-05-05T05:05:06Z' }), [1, 1]);
      assert.deepEqual(await done({ reason: 'missing_required' }), [2, 2]);
      assert.deepEqual(await account(after), [5, 4, 0, 1, 0]);
    }));

  test('a worker with another mapping than the command refuses and says what to do; a wrong selection is named', () =>
    withInstallations('replay_wrong', link, async (before, after) => {
      const refuses = (type: string, message: RegExp) => (e: unknown) =>
        e instanceof ApplicationFailure &&
        e.type === type &&
        e.nonRetryable === true &&
        message.test(e.message);
      const fingerprint = mappingFingerprint(after.config);
      await assert.rejects(
        call(before, { selection: {}, fingerprint }),
        refuses('Configuration', /another mapping .*restart all workers/),
      );
      await call(after, { selection: {}, fingerprint });
      const wrong: readonly [object, RegExp][] = [
        [{ reason: 5 }, /replay: reason: expected text/],
        [{ ids: ['1; DROP'] }, /replay: ids: expected numbers/],
        [{ from: 'yesterday' }, /replay: from: expected a time/],
      ];
      for (const [selection, message] of wrong)
        await assert.rejects(call(after, { selection }), refuses('Usage', message));
    }));
});
