import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { cli, ROOT } from '../support/cli.js';
import { withInstallation } from '../support/installation.js';
import { startWeb } from '../web/webServer.js';

const PASSWORD = 'made-up';

/** The statements of docs/operation.md for another installation and role. */
function statements(name: string, role: string): string {
  const page = readFileSync(path.join(ROOT, 'docs/operation.md'), 'utf8');
  const [, sql = ''] = /^### A role for readers$[^]*?^```sql\n([^]*?)^```$/m.exec(page) ?? [];
  return sql
    .replaceAll(/\breader\b/g, `"${role}"`)
    .replaceAll('clickstream.', `"${name}".`)
    .replaceAll('SCHEMA clickstream', `SCHEMA "${name}"`)
    .replace("'…'", `'${PASSWORD}'`);
}

test('the role for readers of docs/operation.md is all that status, metrics and the page need, and writes nothing', () =>
  withInstallation('least_rights', async ({ name, config }) => {
    const role = `${name}_reader`;
    const url = new URL(process.env['DATABASE_URL'] ?? '');
    const admin = new pg.Client({ connectionString: url.href });
    await admin.connect();
    url.username = role;
    url.password = PASSWORD;
    const env = { DATABASE_URL: url.href };
    const run = (...args: string[]) => cli(['--config', config, ...args, '--json'], { env });
    try {
      await admin.query(statements(name, role));

      const status = await run('status');
      assert.equal(status.code, 0, status.stdout + status.stderr);
      const { unknown, missing } = JSON.parse(status.stdout) as { unknown: string[]; missing: string[] };
      assert.deepEqual([unknown, missing.filter((what) => what.includes('PostgreSQL'))], [[], []]);

      for (const words of [
        ['metrics'],
        ['metrics', '--merge', '--from', '2026-11-20', '--to', '2026-11-21'],
      ]) {
        const { code, stderr } = await run(...words);
        assert.equal(code, 0, stderr);
      }

      const web = await startWeb(name, process.env['ELASTICSEARCH_URL'] ?? '', [], env);
      try {
        const response = await fetch(`${web.url}api/overview`);
        const { freshness } = (await response.json()) as { freshness: { lag_records: number | null } };
        assert.equal(freshness.lag_records, 0, 'known, which needs PostgreSQL');
      } finally {
        await web.stop();
      }

      const reader = new pg.Client({ connectionString: url.href });
      await reader.connect();
      try {
        for (const sql of [
          `SELECT url FROM "${name}".click_data`,
          `SELECT FROM "${name}".dead_letter`,
          `SELECT FROM "${name}".secret`,
          `DELETE FROM "${name}".window_mark`,
        ])
          await assert.rejects(reader.query(sql), { code: '42501' }, sql);
      } finally {
        await reader.end();
      }
    } finally {
      await admin.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`).finally(() => admin.end());
    }
  }));
