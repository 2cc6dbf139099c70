import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { accessLog } from '../support/accessLog.js';
import { withInstallation } from '../support/installation.js';

/** Small batches, so that there is a middle. */
const smallBatches = (yaml: string): string =>
  yaml.replace(/^kafka:/m, 'ingest: { batch: { records: 500 } }\nkafka:');

/** Where the worker dies, once; everything must come out as if it had not. */
const PLACES = [
  'consumeBatch:after-fetch',
  'persistBatch:mid-copy',
  'persistBatch:before-commit',
  'persistBatch:after-commit',
  'runSparkAggregation:before-commit',
  'runSparkAggregation:after-commit',
  'indexMetrics:after-bulk',
];

describe('kill -9 of the worker loses nothing and counts nothing twice', { concurrency: 2 }, () => {
  for (const place of PLACES)
    test(`at ${place}`, async () => {
      const log = accessLog();
      await withInstallation(
        `kill ${place}`,
        async (installation) => {
          const { records } = await installation.json<{ records: number }>([
            'produce',
            log,
            '--format',
            'access-log',
          ]);
          const env = {
            CLICKSTREAM_HEARTBEAT_MS: '5000',
            CLICKSTREAM_FAILPOINT: place,
            CLICKSTREAM_FAILPOINT_MARKER: path.join(installation.folder, 'killed'),
          };
          const victim = await installation.worker({ env });
          const run = installation.run(['pipeline']);
          assert.equal((await victim.exited).signal, 'SIGKILL');
          await installation.worker({ env });
          const { code, stderr } = await run;
          assert.equal(code, 0, stderr);

          const status = await installation.status();
          assert.equal(status.records, records);
          assert.equal(status.persisted + status.dead_letters, records);
          assert.equal(status.duplicates, 0);
          const verified = await installation.run(['verify', '--drained']);
          assert.equal(verified.code, 0, verified.stdout + verified.stderr);
        },
        smallBatches,
      );
    });
});
