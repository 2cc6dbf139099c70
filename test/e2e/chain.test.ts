import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessLog } from '../support/accessLog.js';
import { withInstallation, type Installation, type Status } from '../support/installation.js';
import { plainFigures, type PlainFigures } from './plainFigures.js';

const GRAINS = ['hour', 'day', 'month', 'total'];

/** Every figure that `metrics --csv` prints, compared with the plain loops' one by one. */
async function assertFigures(installation: Installation, expected: PlainFigures): Promise<void> {
  const found = new Map<string, string>();
  for (const grain of GRAINS) {
    const { code, stdout, stderr } = await installation.run(['metrics', '--grain', grain, '--csv']);
    assert.equal(code, 0, stderr);
    for (const [g = '', window = '', url = '', country = '', ...figures] of rows(stdout).slice(1))
      found.set(
        [g, window === '' ? '' : new Date(window).toISOString(), url, country].join(','),
        figures.join(','),
      );
  }
  const wanted = new Map(
    [...expected.figures].map(([key, { clicks, users, timed, totalMs }]) => {
      const average = timed === 0 ? '' : (totalMs / timed).toFixed(3);
      return [key, [clicks, users, timed, totalMs, average].join(',')];
    }),
  );
  assert.equal(found.size, wanted.size, 'as many figures');
  for (const [key, figures] of wanted) assert.equal(found.get(key), figures, key);
}

/** RFC 4180, as far as URLs need it. */
function rows(csv: string): string[][] {
  return csv
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
        ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
      ),
    );
}

const sum = (s: Status): number => s.persisted + s.duplicates + s.dead_letters + s.filtered;

test('an access log goes through the whole chain, and every figure equals the plain computation', async () => {
  const log = accessLog();
  const expected = await plainFigures(log);
  const clicks = expected.lines - expected.broken;
  await withInstallation('chain', async (installation) => {
    const empty = await installation.status();
    assert.equal(empty.records, 0);

    const sent = await installation.json<{ records: number }>(['produce', log, '--format', 'access-log']);
    assert.equal(sent.records, expected.lines);
    assert.equal((await installation.status()).lag, expected.lines, 'all of it waits');

    const worker = await installation.worker();
    await installation.json(['pipeline']);
    const first = await installation.status();
    assert.deepEqual(
      {
        records: first.records,
        persisted: first.persisted,
        dead: first.dead_letters,
        lag: first.lag,
        marks: first.marks_waiting,
      },
      { records: expected.lines, persisted: clicks, dead: expected.broken, lag: 0, marks: 0 },
    );
    assert.equal(sum(first), first.records);
    assert.equal(first.documents_clicks, clicks);
    for (const grain of GRAINS.filter((g) => g !== 'total'))
      assert.equal(first.documents_clicks_by_grain[grain], clicks, grain);
    await assertFigures(installation, expected);
    const verified = await installation.run(['verify', '--drained']);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);

    const before = (await installation.run(['metrics', '--grain', 'hour', '--json'])).stdout;
    await installation.json(['produce', log, '--format', 'access-log']);
    await installation.json(['pipeline']);
    const second = await installation.status();
    assert.deepEqual(
      {
        records: second.records,
        persisted: second.persisted,
        dead: second.dead_letters,
        duplicates: second.duplicates,
      },
      { records: 2 * expected.lines, persisted: clicks, dead: expected.broken, duplicates: expected.lines },
    );
    const after = (await installation.run(['metrics', '--grain', 'hour', '--json'])).stdout;
    assert.equal(after, before, 'no figure changed, not even its version');
    assert.equal((await installation.run(['verify', '--drained'])).code, 0);

    assert.equal(await worker.terminate(), 0, 'drained');
  });
});
