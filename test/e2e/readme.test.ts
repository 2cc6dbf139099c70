import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../support/cli.js';
import { withInstallation } from '../support/installation.js';

const README = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
/** Run elsewhere: they start or stop a machine's servers, do not end by themselves, or stand in a printed output. */
const ELSEWHERE = /^(up|down|worker|web|--help|--config)/;

/** Every `npx clickstream …` of the README, without `--config my.yaml`, in its order. */
const commands = (): string[][] =>
  [...README.matchAll(/npx clickstream ([^`\n]+)/g)]
    .map(([, rest = '']) => rest.trim().replace(/^--config my\.yaml /, ''))
    .filter((rest) => !ELSEWHERE.test(rest))
    .map((rest) => [...rest.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ''));

test('every command of the README works in its order', async () => {
  const wanted = commands();
  assert.ok(wanted.length >= 9, 'the README still has its commands');
  await withInstallation('readme', async (installation) => {
    await installation.worker();
    for (const args of wanted) {
      const own = args.map((arg) => (arg === 'clickstream' ? installation.name : arg));
      const { code, stdout, stderr } = await installation.run(own);
      const answered = `clickstream ${args.join(' ')}\n${stdout}${stderr}`;
      // Nothing was sent, so that there is no figure to explain.
      if (args[0] === 'explain') {
        assert.equal(code, 1, answered);
        assert.match(stdout, /no such figure, and no clicks/);
      } else assert.equal(code, 0, answered);
    }
    await installation.run(['schedule', 'delete']);
  });
});

test('the files that the README names exist', () => {
  const links = [...README.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, file = '']) => file);
  assert.ok(links.length > 0);
  for (const file of links) assert.ok(existsSync(path.join(ROOT, file)), file);
});
