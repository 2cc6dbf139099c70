import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { EXAMPLES } from '../examples/expected.js';
import { ROOT } from '../support/cli.js';
import { withInstallation } from '../support/installation.js';

interface Figure {
  readonly url: string;
  readonly country: string;
  readonly click_count: number;
  readonly unique_users: number;
  readonly timed_clicks: number;
  readonly total_time_spent_ms: number;
}

describe('each example goes from its sample to the figures', () => {
  for (const example of EXAMPLES) {
    const file = path.join(ROOT, 'examples', `${example.name}.yaml`);
    /** The example under the installation's name and topic, which it makes. */
    const edit = (yaml: string): string => {
      const name = /^name: .*$/m.exec(yaml)?.[0] ?? '';
      const topics = /topics: \[[^\]]*\]/.exec(yaml)?.[0] ?? '';
      return readFileSync(file, 'utf8')
        .replace(/^name: .*$/m, name)
        .replace(/^ {2}topics: .*$/m, `  ${topics}\n  create: { partitions: 1 }`);
    };
    test(example.name, async () => {
      await withInstallation(
        'example',
        async (installation) => {
          const sample = path.join(ROOT, 'examples/samples', `${example.name}.ndjson`);
          const produced = await installation.run(['produce', sample]);
          assert.equal(produced.code, 0, produced.stderr);
          await installation.worker();
          const run = await installation.run(['pipeline']);
          assert.equal(run.code, 0, run.stderr);

          const { records, persisted, duplicates, dead_letters, filtered } = await installation.status();
          assert.deepEqual(
            { records, persisted, duplicates, dead_letters, filtered },
            {
              records: example.records,
              persisted: example.clicks,
              duplicates: example.duplicates,
              dead_letters: example.deadLetters.length,
              filtered: example.filtered,
            },
          );
          const { stdout } = await installation.run(['metrics', '--json']);
          const figures = stdout
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => JSON.parse(line) as Figure);
          for (const [url, country, clicks, people, timed, timeMs] of example.figures) {
            const figure = figures.find((one) => one.url === url && one.country === country);
            assert.ok(figure, `${url} ${country}`);
            assert.deepEqual(
              [figure.click_count, figure.unique_users, figure.timed_clicks, figure.total_time_spent_ms],
              [clicks, people, timed, timeMs],
              `${url} ${country}`,
            );
          }
          const verified = await installation.run(['verify', '--drained']);
          assert.equal(verified.code, 0, verified.stdout);
        },
        edit,
      );
    });
  }
});
