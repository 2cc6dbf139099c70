import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { physicalIndex } from '../../domain/names.js';
import { accessLog } from '../support/accessLog.js';
import { withInstallation } from '../support/installation.js';

test('reindex, its worker killed before the swap, ends with every figure in new indices; drop-old deletes the old ones', async () => {
  await withInstallation('reindex', async (installation) => {
    const { name } = installation;
    const run = (args: readonly string[]) => installation.run(args);
    await installation.json(['produce', accessLog(), '--format', 'access-log']);
    const env = {
      CLICKSTREAM_FAILPOINT: 'reindexGrain:before-swap',
      CLICKSTREAM_FAILPOINT_MARKER: path.join(installation.folder, 'killed'),
    };
    const victim = await installation.worker({ env });
    const first = await run(['pipeline']);
    assert.equal(first.code, 0, first.stderr);
    const before = await installation.status();

    const reindex = run(['reindex']);
    assert.equal((await victim.exited).signal, 'SIGKILL');
    const between = await installation.status();
    assert.deepEqual(between.documents_clicks_by_grain, before.documents_clicks_by_grain);
    await installation.worker({ env });
    const { code, stdout, stderr } = await reindex;
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`${physicalIndex(name, 'hour', 2)}: [\\d,]+ documents, in place of`));

    assert.match(stdout, /`clickstream --config \S+ reindex drop-old` deletes them/, 'of this installation');

    const after = await installation.status();
    assert.deepEqual(after.documents_clicks_by_grain, before.documents_clicks_by_grain);
    const verified = await run(['verify', '--drained']);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);

    const dropped = await run(['reindex', 'drop-old']);
    assert.equal(dropped.code, 0, dropped.stderr);
    assert.match(
      dropped.stdout,
      new RegExp(`${physicalIndex(name, 'total', 1)} deleted: [\\d,]+ documents, `),
    );
    assert.equal((await run(['reindex', 'drop-old'])).stdout.trim(), 'no index has been replaced');
    assert.equal((await run(['verify', '--drained'])).code, 0);
  });
});

test('reindex names a grain that there is not, before it connects', async () => {
  await withInstallation('reindex grain', async (installation) => {
    const { code, stderr } = await installation.run(['reindex', '--grain', 'week'], {
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    });
    assert.equal(code, 2);
    assert.match(stderr, /--grain <grain>.*hour, day, month, total/s);
  });
});
