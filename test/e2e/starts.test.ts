import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ROOT } from '../support/cli.js';
import { until, withInstallation } from '../support/installation.js';

const run = promisify(execFile);
const EVENT = (id: number): string =>
  `${JSON.stringify({ event_id: `e${id}`, t: 1_700_000_000_000 + id, ip: '192.0.2.1', url: `/page/${id}`, user_agent: 'test' })}\n`;

test('pipeline starts by the command, by the temporal command line, by a script and by the schedule', async () => {
  await withInstallation(
    'starts',
    async (installation) => {
      const { name } = installation;
      let sent = 0;
      const send = async (): Promise<void> => {
        sent += 1;
        const { code, stderr } = await installation.run(['produce', '-'], {}, EVENT(sent));
        assert.equal(code, 0, stderr);
      };
      const arrived = async (how: string): Promise<void> => {
        await until(`${how} to bring click ${sent} to the index`, 90_000, async () => {
          const status = await installation.status();
          return status.persisted === sent && status.documents_clicks === sent;
        });
      };
      await installation.worker();

      await send();
      assert.equal((await installation.run(['pipeline'])).code, 0);
      await arrived('clickstream pipeline');

      await send();
      const args = [
        'workflow',
        'execute',
        '--type',
        'pipeline',
        '--task-queue',
        name,
        '--workflow-id',
        `${name}-by-hand`,
        '--input',
        '{}',
      ];
      const { code, stderr } = await installation.run(['temporal', ...args]);
      assert.equal(code, 0, stderr);
      await arrived('temporal workflow execute');

      await send();
      await run(process.execPath, [path.join(ROOT, 'dist/examples/start-pipeline.js')], {
        env: { ...process.env, CLICKSTREAM_NAME: name },
      });
      await arrived('the script');

      await send();
      const applied = await installation.run(['schedule', 'apply']);
      assert.equal(applied.code, 0, applied.stderr);
      await arrived('the schedule');
      assert.equal((await installation.run(['schedule', 'delete'])).code, 0);
    },
    (yaml) => yaml.replace(/schedule: \w+/, 'schedule: 10s'),
  );
});
