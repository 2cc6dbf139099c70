import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { CliResult } from '../support/cli.js';
import { until, withInstallation, type Installation } from '../support/installation.js';
import { withKafkaAdmin } from '../support/kafkaAdmin.js';

interface TopicStatus {
  readonly persisted: number;
  readonly duplicates: number;
  readonly lag: number | null;
  readonly gaps: readonly string[];
  readonly skipped_offsets: number;
  readonly skipped: readonly { readonly offsets: number; readonly made_again: number }[];
}
const statusOf = (installation: Installation): Promise<TopicStatus> => installation.json(['status']);

const events = (from: number, count: number): string =>
  Array.from(
    { length: count },
    (_, i) =>
      `${JSON.stringify({ event_id: `e${from + i}`, t: 1_700_000_000_000 + from + i, ip: '192.0.2.1', url: `/page/${i % 5}`, user_agent: 'test' })}\n`,
  ).join('');

async function send(installation: Installation, from: number, count: number): Promise<void> {
  const { code, stderr } = await installation.run(['produce', '-'], {}, events(from, count));
  assert.equal(code, 0, stderr);
}
async function succeeds(installation: Installation, args: readonly string[]): Promise<CliResult> {
  const result = await installation.run(args);
  assert.equal(result.code, 0, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result;
}
const verified = (installation: Installation): Promise<CliResult> =>
  succeeds(installation, ['verify', '--drained']);
const arrived = (installation: Installation, clicks: number): Promise<void> =>
  until(`${clicks} clicks`, 90_000, async () => (await installation.persisted()) === clicks);

/** The command that a message ends with, as the arguments of one. */
function commandIn(text: string): string[] {
  const [, command = ''] = /npx clickstream (?:--config \S+ )?(ingest skip [^\n`]*)/.exec(text) ?? [];
  assert.notEqual(command, '', text);
  return command.trim().split(' ');
}
const partitions = (n: number) => (yaml: string) => yaml.replace(/partitions: \d+/, `partitions: ${n}`);

describe('a topic that changes under a pipeline', { concurrency: 2 }, () => {
  test('retention passes the next offset: exit 4 with the gap and the command; after it everything balances', () =>
    withInstallation(
      'retention',
      (installation) =>
        withKafkaAdmin(async (admin) => {
          const { topic } = installation;
          await installation.worker();
          await send(installation, 0, 30);
          await succeeds(installation, ['pipeline']);
          await send(installation, 30, 70);
          await admin.deleteBefore(topic, 0, 70);

          const failed = await installation.run(['pipeline']);
          assert.equal(failed.code, 4, failed.stderr);
          assert.match(failed.stderr, /next offset is 30, the log holds 70 to 100: 40 offsets are gone/);
          const stopped = await statusOf(installation);
          assert.deepEqual([stopped.gaps.length, stopped.lag], [1, 30], 'what is gone is no lag');
          assert.match(
            (await installation.run(['status'])).stdout,
            /Ingestion cannot go on\n.* 40 offsets are gone/,
          );
          const command = commandIn(failed.stderr);
          assert.deepEqual(commandIn(stopped.gaps[0] ?? ''), command);

          assert.match((await succeeds(installation, command)).stdout, /40 offsets skipped \(30 to 70\)/);
          assert.match((await succeeds(installation, command)).stdout, /skipped before/);
          await succeeds(installation, ['pipeline']);
          const { persisted, lag, gaps, skipped_offsets } = await statusOf(installation);
          assert.deepEqual(
            { persisted, lag, gaps, skipped_offsets },
            { persisted: 60, lag: 0, gaps: [], skipped_offsets: 40 },
          );
          assert.match((await verified(installation)).stdout, /40 offsets of \S+ skipped by an operator/);
        }),
      partitions(1),
    ));

  test('logs that lost an end: the pipeline passes over none of a shard’s partitions, though it noted lower ends', () =>
    withInstallation(
      'lost end',
      (installation) =>
        withKafkaAdmin(async (admin) => {
          const { topic } = installation;
          await installation.worker();
          await send(installation, 0, 400);
          await succeeds(installation, ['pipeline']);
          // As after an unclean election: PostgreSQL has read further than the log goes.
          await installation.sql(
            'UPDATE ingest_offset SET next_offset = next_offset + 500 WHERE partition = 1',
          );
          await send(installation, 400, 300);
          const { partitions: ends } = await installation.json<{
            partitions: { partition: number; end_offset: string }[];
          }>(['status']);
          const end = Number(ends.find(({ partition }) => partition === 3)?.end_offset);
          await admin.deleteBefore(topic, 3, end - 5);

          const failed = await installation.run(['pipeline']);
          assert.equal(failed.code, 4, failed.stderr);
          assert.match(
            failed.stderr,
            /partition 1: the next offset is \d+, the log holds 0 to \d+: it ends \d+ offs/,
          );
          assert.match(failed.stderr, /partition 3: the next offset is \d+, .* offsets are gone/);
          const { gaps } = await statusOf(installation);
          assert.equal(gaps.length, 2);
          for (const gap of gaps) assert.ok(failed.stderr.includes(gap), failed.stderr);
        }),
      partitions(4),
    ));

  test('one shard of a continuous ingest meets a gap: the other goes on; skip and start bring it back', () =>
    withInstallation(
      'one shard',
      (installation) =>
        withKafkaAdmin(async (admin) => {
          const { topic } = installation;
          await installation.worker();
          await send(installation, 0, 100);
          await succeeds(installation, ['pipeline']);
          // Only now is nobody reading, and the gap sure to be met.
          await send(installation, 100, 100);
          const ends = await installation.json<{ partitions: { partition: number; end_offset: string }[] }>([
            'status',
          ]);
          const end = Number(ends.partitions.find(({ partition }) => partition === 1)?.end_offset);
          await admin.deleteBefore(topic, 1, end - 5);
          await succeeds(installation, ['ingest', 'start']);
          await until('the other shard to be level', 60_000, async () => {
            const { partitions: all } = await installation.json<{
              partitions: { partition: number; lag: number }[];
            }>(['status']);
            return all.every(({ partition, lag }) => partition === 1 || lag === 0);
          });
          const command = commandIn((await statusOf(installation)).gaps.join('\n'));
          await succeeds(installation, command);
          await until('the failed shard to be told', 30_000, async () => {
            const [failed = ''] = (await statusOf(installation)).gaps;
            return /, shard 1: .*ingest start` starts the shard again/s.test(failed);
          });
          const again = await succeeds(installation, ['ingest', 'start']);
          assert.match(again.stderr, /starting again what had failed: \S+, shard 1: /);
          assert.match(again.stdout, /^running already, failed shards started again/);
          await until(
            'the failed shard to be level',
            60_000,
            async () => (await statusOf(installation)).lag === 0,
          );
          await succeeds(installation, ['ingest', 'stop']);
          await succeeds(installation, ['analyze']);
          await verified(installation);
        }),
      partitions(2),
    ));

  test('the topic is made again: it stops, and goes on with the new one by the operator’s command alone', () =>
    withInstallation(
      'made again',
      (installation) =>
        withKafkaAdmin(async (admin) => {
          const { topic } = installation;
          await installation.worker();
          await send(installation, 0, 50);
          await succeeds(installation, ['ingest', 'start']);
          await arrived(installation, 50);
          await admin.makeAgain(topic, 3);
          await send(installation, 40, 40);
          await until('it to stop', 60_000, async () => {
            const { stdout } = await installation.run([
              'temporal',
              'workflow',
              'list',
              '--query',
              `WorkflowId='${installation.name}-ingest'`,
            ]);
            return /Failed/.test(stdout);
          });
          const failed = await installation.run(['pipeline']);
          assert.equal(failed.code, 4, failed.stderr);
          const { gaps, persisted } = await statusOf(installation);
          assert.equal(persisted, 50);
          assert.match(gaps.join('\n'), /was made again .* how much that was cannot be known/);

          await succeeds(installation, commandIn(failed.stderr));
          assert.match(
            (await installation.run(['status'])).stdout,
            /made again 1 time, what was lost then is unknown/,
          );
          await succeeds(installation, ['ingest', 'start']);
          await arrived(installation, 80);
          await succeeds(installation, ['pipeline']);
          const after = await statusOf(installation);
          assert.deepEqual([after.duplicates, after.lag, after.gaps], [10, 0, []]);
          assert.deepEqual(
            after.skipped.map(({ offsets, made_again }) => [offsets, made_again]),
            [[0, 1]],
          );
          await succeeds(installation, ['ingest', 'stop']);
          await verified(installation);
        }),
      partitions(2),
    ));

  test('the topic is deleted: status says what to do; a run waits a while for it, then ends with the same words', () =>
    withInstallation('deleted', (installation) =>
      withKafkaAdmin(async (admin) => {
        const { topic } = installation;
        await installation.worker({ env: { CLICKSTREAM_HEARTBEAT_MS: '2000' } });
        await send(installation, 0, 20);
        await succeeds(installation, ['ingest', 'start']);
        await arrived(installation, 20);
        await admin.remove(topic);
        const { gaps, lag, persisted } = await statusOf(installation);
        assert.deepEqual([persisted, lag, gaps.length], [20, null, 1]);
        assert.match(gaps[0] ?? '', /no longer in Kafka: take it out of kafka\.topics, or make it again/);
        assert.deepEqual(commandIn(gaps[0] ?? ''), ['ingest', 'skip', '--topic', topic, '--made-again']);
        const { stdout } = await succeeds(installation, ['status']);
        assert.match(stdout, /Ingestion cannot go on/);

        const failed = await installation.run(['pipeline']);
        assert.equal(failed.code, 4, failed.stderr);
        assert.match(failed.stderr, /trying again: noteOffsets, attempt \d+: Kafka shows no topic/);
        assert.deepEqual(commandIn(failed.stderr), ['ingest', 'skip', '--topic', topic, '--made-again']);
        await until('the continuous ingest to end', 60_000, async () => {
          const query = `WorkflowId='${installation.name}-ingest' AND ExecutionStatus='Failed'`;
          return /Failed/.test(
            (await installation.run(['temporal', 'workflow', 'list', '--query', query])).stdout,
          );
        });

        await succeeds(installation, ['migrate']);
        await succeeds(installation, commandIn(failed.stderr));
        await send(installation, 20, 30);
        await succeeds(installation, ['pipeline']);
        await verified(installation);
        assert.deepEqual((await statusOf(installation)).gaps, []);
        assert.equal(await installation.persisted(), 50);
      }),
    ));

  test('partitions are added: a running ingest reads them without a restart, and so does the next pipeline', () =>
    withInstallation(
      'added',
      (installation) =>
        withKafkaAdmin(async (admin) => {
          const { topic } = installation;
          const worker = await installation.worker();
          await send(installation, 0, 10);
          await succeeds(installation, ['ingest', 'start']);
          await arrived(installation, 10);
          await admin.addPartitions(topic, 3);
          await send(installation, 10, 300);
          await arrived(installation, 310);
          await succeeds(installation, ['ingest', 'stop']);
          await admin.addPartitions(topic, 5);
          await send(installation, 310, 300);
          await succeeds(installation, ['pipeline']);
          const { persisted, lag } = await statusOf(installation);
          assert.deepEqual([persisted, lag], [610, 0]);
          assert.equal(worker.process.exitCode, null, 'the same worker all along');
          await verified(installation);
        }),
      partitions(1),
    ));

  test('another number of shards: drained by pipeline and by ingest start, while clicks arrive', () =>
    withInstallation(
      'shards',
      async (installation) => {
        const shards = (n: number): void => {
          const yaml = readFileSync(installation.config, 'utf8');
          writeFileSync(
            installation.config,
            yaml.includes('shards:')
              ? yaml.replace(/shards: \d+/, `shards: ${n}`)
              : yaml.replace(/^kafka:/m, `ingest: { shards: ${n} }\nkafka:`),
          );
        };
        const running = async (): Promise<string[]> => {
          const { stdout } = await installation.run([
            'temporal',
            'workflow',
            'list',
            '--query',
            `ExecutionStatus='Running' AND WorkflowId STARTS_WITH '${installation.name}-ingest-'`,
          ]);
          return [...stdout.matchAll(/-clicks-(\d+)/g)].map(([, shard = '']) => shard).sort();
        };
        let worker = await installation.worker();
        await send(installation, 0, 200);
        await succeeds(installation, ['ingest', 'start']);
        await arrived(installation, 200);

        // The continuous ingest runs in two; the pipeline of a worker that wants three drains them.
        shards(3);
        assert.equal(await worker.terminate(), 0);
        worker = await installation.worker();
        await send(installation, 200, 200);
        await succeeds(installation, ['pipeline']);
        assert.equal((await statusOf(installation)).persisted, 400);
        await until('three shards to be followed', 60_000, async () => (await running()).join() === '0,1,2');

        // A topic may have fewer partitions than the configuration would make it with.
        writeFileSync(installation.config, partitions(9)(readFileSync(installation.config, 'utf8')));
        shards(9);
        assert.equal(await worker.terminate(), 0);
        await installation.worker();
        await send(installation, 400, 200);
        const { stdout, stderr } = await succeeds(installation, ['ingest', 'start']);
        assert.match(stderr, /is ingested in 3 shards, now in 4: stopping/, 'never more than partitions');
        assert.match(stdout, /^started anew/);
        await until('four shards', 60_000, async () => (await running()).join() === '0,1,2,3');
        await arrived(installation, 600);
        assert.match((await succeeds(installation, ['ingest', 'start'])).stdout, /^running already/);
        await succeeds(installation, ['ingest', 'stop']);
        await succeeds(installation, ['pipeline']);
        const { persisted, duplicates, lag } = await statusOf(installation);
        assert.deepEqual([persisted, duplicates, lag], [600, 0, 0]);
        await verified(installation);
      },
      partitions(4),
    ));
});
