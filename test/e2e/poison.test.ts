import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openPostgres, withClient } from '../../clients/postgres/pool.js';
import { parseServers } from '../../domain/config/servers.js';
import { parseConfig } from '../../domain/config/parse.js';
import type { Value } from '../../domain/event/types.js';
import { openDecoder, VISITOR_KEY, valuesOf } from '../corpus/decode.js';
import { corpusYaml } from '../corpus/mapping.js';
import { neighbour, POISON } from '../corpus/poison.js';
import { checkOutputs } from '../corpus/outputs.js';
import { sendCorpus, type Sent } from '../corpus/send.js';
import { readStored, type Stored } from '../corpus/stored.js';
import { withInstallation } from '../support/installation.js';

/** Batches of so few records that poison stands at every place of a batch. */
const BATCH = 'ingest: { batch: { records: 40, wait: 1s } }\n';
/** Batches hold 64 MiB and one record more; parsed, a million keys take some 300 MiB for a moment. */
const MAX_MIB = 1536;

/** jsonb keeps no spelling, only the meaning. */
const comparable = (column: string, value: Value | undefined): unknown =>
  column === 'click_data.json' && typeof value === 'string' ? (JSON.parse(value) as unknown) : value;

test('each record of the corpus is found in PostgreSQL by its offset, where it must be and letter by letter; its neighbours in the tables', async (t) => {
  await withInstallation(
    'corpus',
    async (installation) => {
      const topics = { created: installation.topic, appended: `${installation.topic}-appended` };
      const config = parseConfig(readFileSync(installation.config, 'utf8'), 'poison.yaml');
      const decode = await openDecoder(config);
      const sent = await sendCorpus(topics);
      const worker = await installation.worker({ env: { CLICKSTREAM_VISITOR_KEY: VISITOR_KEY } });
      const run = await installation.run(['pipeline']);
      assert.equal(run.code, 0, run.stderr);

      const postgres = openPostgres(parseServers(process.env), config.name);
      const stored = await withClient(postgres, `${config.name}:test`, (client) =>
        readStored(client, config),
      );
      await postgres.close();

      /** Throws unless what the tables hold is what the decoder made of these bytes. */
      const inTables = (at: string, bytes: Uint8Array | null, row: Sent['row']): Record<string, Value> => {
        const found = stored.clicks.get(at);
        assert.ok(found, `${at} is in the tables`);
        const decoded = decode(row ?? {}, bytes);
        assert.equal(decoded.kind, 'row');
        if (decoded.kind === 'row')
          for (const [column, value] of Object.entries(valuesOf(decoded, config)))
            // Only the broker knows when it appended a record.
            if (!at.startsWith(topics.appended) || column !== 'click_data.sent')
              assert.deepEqual(comparable(column, found[column]), comparable(column, value), column);
        return found;
      };

      for (const one of sent) {
        const { at, row, i } = one;
        if (row === undefined) {
          assert.equal(inTables(at, neighbour(i), undefined)['click_data.i'], i);
          continue;
        }
        await t.test(row.name, () => {
          check(stored, one, (bytes) => inTables(at, bytes, row));
        });
      }

      const places = (place: string): number =>
        POISON.filter(({ expected }) => expected.place === place).length;
      const status = await installation.status();
      assert.deepEqual(
        [status.records, status.persisted, status.duplicates, status.dead_letters, status.filtered],
        [
          2 * POISON.length,
          POISON.length + places('tables'),
          places('duplicate'),
          places('dead letters'),
          places('filtered'),
        ],
      );
      const verified = await installation.run(['verify', '--drained']);
      assert.equal(verified.code, 0, verified.stdout + verified.stderr);

      await t.test('no output obeys what a record says', () => checkOutputs(installation, worker, stored));

      const peak = peakMiB(worker.process.pid);
      t.diagnostic(`${sent.length} records; the worker's peak memory was ${peak ?? '?'} MiB`);
      if (peak !== undefined) assert.ok(peak < MAX_MIB, `${peak} MiB`);
    },
    (yaml) => {
      const name = /^name: (.*)$/m.exec(yaml)?.[1] ?? '';
      const topic = `${name}-clicks`;
      return corpusYaml({ name, topics: [topic, `${topic}-appended`] }).replace(
        /^kafka: \{ (.*) \}$/m,
        `kafka: { $1, create: { partitions: 4 } }\n${BATCH}`,
      );
    },
  );
});

function check(
  { clicks, deadLetters }: Stored,
  { at, row }: Sent,
  inTables: (bytes: Uint8Array | null) => Record<string, Value>,
): void {
  if (row === undefined) return;
  const { expected } = row;
  const bytes = row.bytes();
  if (expected.place === 'tables') {
    const found = inTables(bytes);
    for (const [column, value] of Object.entries(expected.values))
      assert.deepEqual(comparable(column, found[column]), comparable(column, value), column);
  } else assert.ok(!clicks.has(at), 'it is not in the tables');
  const dead = deadLetters.get(at);
  if (expected.place === 'dead letters') {
    assert.ok(dead, 'it is in the dead letters');
    assert.deepEqual([dead.reason, dead.field], [expected.reason, expected.field ?? null]);
    assert.ok(same(dead.value, bytes), 'its bytes are kept');
    assert.ok(same(dead.key, row.key ?? null), 'its key is kept');
  } else assert.equal(dead, undefined);
}

const same = (a: Buffer | null, b: Uint8Array | null): boolean =>
  a === null || b === null ? a === b : a.equals(b);

/** Linux keeps the greatest resident size of a process. */
function peakMiB(pid: number | undefined): number | undefined {
  if (process.platform !== 'linux' || pid === undefined) return undefined;
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
}
