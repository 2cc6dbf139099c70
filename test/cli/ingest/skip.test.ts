import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { beginAgain } from '../../../cli/ingest/madeAgain.js';
import { skip, type SkipRequest } from '../../../cli/ingest/skip.js';
import { madeAgainText, parse, skipText } from '../../../cli/ingest/skipVerb.js';
import { withClient } from '../../../clients/postgres/pool.js';
import { readSkips } from '../../../clients/postgres/skip.js';
import { checkEquation, checkIds, checkOffsets } from '../../../clients/postgres/verify/ledger.js';
import { checkLog } from '../../../cli/verify/log.js';
import { UsageError } from '../../../domain/errors.js';
import { clicks, install, type Installation } from '../../activities/installation.js';
import { sumOf } from '../../activities/sums.js';
import { withKafkaAdmin, type KafkaAdmin } from '../../support/kafkaAdmin.js';

async function withTopic(
  what: string,
  use: (i: Installation, admin: KafkaAdmin) => Promise<void>,
  options: Parameters<typeof install>[1] = {},
): Promise<void> {
  const i = await install(what, options);
  try {
    await withKafkaAdmin((admin) => use(i, admin));
  } finally {
    await i.close();
  }
}

const skipped = (i: Installation, more: Partial<SkipRequest> = {}) =>
  skip(i, { topic: i.topic, partition: 0, to: 'earliest', force: false, ...more });

const refused =
  (text: RegExp) =>
  (e: unknown): boolean =>
    e instanceof UsageError && text.test(e.message);

const stops =
  (text: RegExp) =>
  (e: unknown): boolean =>
    e instanceof ApplicationFailure &&
    e.type === 'OffsetOutOfRange' &&
    e.nonRetryable === true &&
    text.test(e.message);

/** The part of `verify` that does not need figures. */
async function assertVerified(i: Installation): Promise<string> {
  return withClient(i.postgres, 'test', async (client) => {
    const never = new AbortController().signal;
    await client.query('BEGIN');
    const { checks } = await checkLog(client, i.kafka, [i.topic], never);
    const all = [
      ...(await checkEquation(client)),
      await checkOffsets(client),
      ...(await checkIds(client)),
      ...checks,
    ];
    await client.query('ROLLBACK');
    assert.deepEqual(
      all.filter(({ ok }) => !ok),
      [],
    );
    return all.map(({ detail }) => detail).join('\n');
  });
}
const stored = async (i: Installation): Promise<string> =>
  (await i.rows('SELECT source_id, partition, next_offset FROM ingest_offset ORDER BY 1, 2'))
    .map((row) => `${String(row.source_id)}/${String(row.partition)}:${String(row.next_offset)}`)
    .join(' ');

describe('a gap in the log', () => {
  test('stops ingestion with its size and the command; after it the rest is ingested and the account balances', () =>
    withTopic('gap', async (i, admin) => {
      await i.produce(clicks(10));
      assert.deepEqual(sumOf(await i.drain()), [10, 10, 0, 0, 0]);
      await i.produce(clicks(90, 10));
      await admin.deleteBefore(i.topic, 0, 50);
      const command = `npx clickstream ingest skip --topic ${i.topic} --partition 0 --to earliest`;
      await assert.rejects(
        i.consume(),
        stops(new RegExp(`next offset is 10, the log holds 50 to 100: 40 offsets are gone .*${command}$`)),
      );
      const [first] = await skipped(i);
      assert.deepEqual(
        [first?.outcome, first?.from, first?.to, first?.offsets, first?.readable],
        ['skipped', '10', '50', 40, 0],
      );
      assert.match(
        skipText(first === undefined ? [] : [first]),
        /40 offsets skipped \(10 to 50\); ledger \w+\n/,
      );
      assert.equal((await skipped(i))[0]?.outcome, 'skipped before');
      assert.equal(await stored(i), '0/0:50');
      assert.deepEqual(sumOf(await i.drain()), [50, 50, 0, 0, 0]);
      assert.equal((await skipped(i))[0]?.outcome, 'skipped before', 'though ingestion went on');
      assert.deepEqual(await withClient(i.postgres, 'test', readSkips), [
        { topic: i.topic, offsets: 40, madeAgain: 0 },
      ]);
      assert.match(await assertVerified(i), new RegExp(`40 offsets of ${i.topic} skipped by an operator`));
    }));

  test('of several partitions is passed by one command without --partition; partitions without one stay', () =>
    withTopic(
      'gaps',
      async (i, admin) => {
        await i.produce(clicks(300));
        const { batch } = await i.consume({
          until: [0, 1, 2].map((partition) => ({ partition, offset: '10' })),
        });
        assert.ok(batch);
        await i.persist(batch);
        await admin.deleteBefore(i.topic, 0, 20);
        await admin.deleteBefore(i.topic, 2, 30);
        const all = await skip(i, { topic: i.topic, to: 'earliest', force: false });
        assert.deepEqual(
          all.map(({ outcome, offsets }) => [outcome, offsets]),
          [
            ['skipped', 10],
            ['nothing to skip', 0],
            ['skipped', 20],
          ],
        );
        assert.deepEqual(sumOf(await i.drain()), [240, 240, 0, 0, 0]);
        await assertVerified(i);
      },
      { partitions: 3 },
    ));

  test('a batch that was read before the command is fenced by it', () =>
    withTopic('fenced', async (i) => {
      await i.produce(clicks(100));
      const { batch } = await i.consume({ until: [{ partition: 0, offset: '40' }] });
      assert.ok(batch);
      await skipped(i, { to: 20n, force: true });
      assert.deepEqual(await i.persist(batch), {
        outcome: 'fenced',
        offsets: [{ partition: 0, offset: '20' }],
      });
      assert.deepEqual(sumOf(await i.drain()), [80, 80, 0, 0, 0]);
      assert.match(await assertVerified(i), /records in the log 80 = in the ledger 80/);
    }));

  test('what it must not do is refused, and changes nothing', () =>
    withTopic('refused', async (i) => {
      await i.produce(clicks(100));
      await assert.rejects(skipped(i), refused(/nothing was ingested yet/));
      await i.consume({ until: [{ partition: 0, offset: '0' }] });
      const { batch } = await i.consume({ until: [{ partition: 0, offset: '30' }] });
      assert.ok(batch);
      await i.persist(batch);
      const before = await stored(i);
      await assert.rejects(
        skipped(i, { to: 20n }),
        refused(/next offset .* is 30 and never moves back, got 20/),
      );
      await assert.rejects(skipped(i, { to: 101n, force: true }), refused(/ends at 100: .* got 101/));
      await assert.rejects(
        skipped(i, { to: 50n }),
        refused(/still holds 20 offsets .* \(from 30\)\. --force/),
      );
      await assert.rejects(skipped(i, { partition: 7 }), refused(/--partition: .* has 1 \(0 to 0\), got 7/));
      await assert.rejects(beginAgain(i, i.topic), refused(/is the one that is ingested/));
      const nothing = await skipped(i);
      assert.equal(nothing[0]?.outcome, 'nothing to skip');
      assert.match(skipText(nothing), /nothing to skip, the next offset is 30 and the log holds 0 to 100$/);
      assert.equal(await stored(i), before);
      assert.equal((await i.rows(`SELECT FROM batch WHERE kind = 'skip'`)).length, 0);
    }));
});

describe('a topic made again', () => {
  test('stops ingestion with the last stored offsets and the command, and is then a new source', () =>
    withTopic('again', async (i, admin) => {
      await i.produce(clicks(10));
      assert.deepEqual(sumOf(await i.drain()), [10, 10, 0, 0, 0]);
      await i.produce(clicks(5, 10));
      await admin.makeAgain(i.topic, 2);
      await i.produce(clicks(40, 5));
      const command = `npx clickstream ingest skip --topic ${i.topic} --made-again`;
      const message = new RegExp(`was made again .*stored offsets \\(0:10\\) is gone.*: ${command}$`);
      await assert.rejects(i.consume(), stops(message));
      await assert.rejects(skipped(i), refused(message));
      const begun = await beginAgain(i, i.topic);
      assert.equal(begun.outcome, 'begun');
      assert.match(
        madeAgainText(begun),
        /begun as source 1, at 0:0 1:0\nThe former one was ingested up to 0:10;/,
      );
      assert.equal((await beginAgain(i, i.topic)).outcome, 'begun before');
      // Five of the former topic's ten are sent again: they are duplicates whatever topic they come in.
      assert.deepEqual(sumOf(await i.drain()), [40, 35, 5, 0, 0]);
      assert.match(await stored(i), /^0\/0:10 1\/0:\d+ 1\/1:\d+$/);
      assert.deepEqual(await withClient(i.postgres, 'test', readSkips), [
        { topic: i.topic, offsets: 0, madeAgain: 1 },
      ]);
      assert.match(await assertVerified(i), /made again 1×/);
    }));

  test('between the fetches of one batch is found before the batch is used', () =>
    withTopic('midway', async (i, admin) => {
      await i.produce(clicks(10));
      const midway: Installation = {
        ...i,
        failpoint: async (name) => {
          if (name !== 'consumeBatch:after-fetch') return;
          await admin.makeAgain(i.topic, 1);
          await i.produce(clicks(20, 100));
        },
      };
      await assert.rejects(midway.consume(), stops(/was made again/));
      assert.equal((await beginAgain(i, i.topic)).outcome, 'begun');
      assert.deepEqual(sumOf(await i.drain()), [20, 20, 0, 0, 0]);
      await assertVerified(i);
    }));
});

describe('a log that lost its end', () => {
  test('stops ingestion; gone on with as a new source, whole partitions go on where they stand', () =>
    withTopic(
      'lost',
      async (i) => {
        await i.produce(clicks(100));
        await i.drain();
        const [p0] = await i.rows('SELECT next_offset AS n FROM ingest_offset WHERE partition = 0');
        const end = Number(p0?.n);
        const short = await i.consume({ until: [0, 1].map((partition) => ({ partition, offset: '5' })) });
        assert.deepEqual(
          [short.batch, short.reachedUntil],
          [undefined, true],
          'offsets that another ingest has passed meanwhile are no sign of a log that lost its end',
        );
        // As after an unclean election: PostgreSQL has read further than the log goes.
        await i.rows('UPDATE ingest_offset SET next_offset = next_offset + 7 WHERE partition = 0');
        await i.rows(
          `UPDATE batch SET ranges = (SELECT jsonb_agg(CASE WHEN r->>'partition' = '0'
             THEN jsonb_set(r, '{to}', to_jsonb(((r->>'to')::bigint + 7)::text)) ELSE r END)
             FROM jsonb_array_elements(ranges) r)`,
        );
        const message = new RegExp(`log holds 0 to ${end}: it ends 7 offsets before it .* --made-again$`);
        await assert.rejects(i.consume(), stops(message));
        await assert.rejects(i.drain(), stops(message), 'bounded by the end of the log, which lies below');
        await assert.rejects(skipped(i), refused(message));
        const begun = await beginAgain(i, i.topic);
        assert.deepEqual(begun.next, [
          { partition: 0, offset: '0' },
          { partition: 1, offset: String(100 - end) },
        ]);
        assert.equal((await beginAgain(i, i.topic)).outcome, 'begun before');
        await i.produce(clicks(20, 100));
        const sum = sumOf(await i.drain());
        assert.deepEqual(sum, [end + 20, 20, end, 0, 0], 'read again, found by their ids');
        await assertVerified(i);
      },
      { partitions: 2 },
    ));

  test('a batch of the former source is fenced once the log was declared new', () =>
    withTopic('superseded', async (i) => {
      await i.produce(clicks(100));
      const { batch } = await i.consume({ until: [{ partition: 0, offset: '50' }] });
      assert.ok(batch);
      await i.rows(`INSERT INTO source SELECT 1, topic, incarnation || '#2' FROM source`);
      assert.equal((await i.persist(batch)).outcome, 'fenced');
    }));
});

describe('the options of ingest skip', () => {
  const wrong: [options: Omit<Parameters<typeof parse>[0], 'topic'>, expected: RegExp][] = [
    [{}, /expected --to earliest, --to OFFSET or --made-again/],
    [{ to: 'latest' }, /^--to: expected earliest or an offset, got "latest"$/],
    [{ to: '-5', partition: '0' }, /^--to: /],
    [{ to: '5' }, /expected --partition beside it/],
    [{ to: '5', partition: 'one' }, /^--partition: expected a whole number, got "one"$/],
    [{ to: '5', madeAgain: true }, /^--made-again: /],
    [{ force: true, madeAgain: true }, /^--made-again: /],
  ];
  for (const [options, expected] of wrong)
    test(`${JSON.stringify(options)} is refused by name`, () => {
      assert.throws(() => parse({ topic: 'clicks', ...options }), refused(expected));
    });
});
