import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExplainReport } from '../../cli/explain/report.js';
import type { Figure } from '../../clients/elasticsearch/index.js';
import { withInstallation } from '../support/installation.js';

const FIRST = Date.UTC(2026, 0, 30);
const DAY = 86_400_000;
const MINUTE = 60_000;

/** Three days of visits of a few people, over hours' and days' edges, some by bots, each tenth sent twice. */
function lines(): string[] {
  const events = Array.from({ length: 300 }, (_, i) =>
    JSON.stringify({
      event_id: `e${i}`,
      t: FIRST + ((i * 37 * MINUTE) % (3 * DAY)) + (i % 7) * 1000,
      url: `/page/${i % 3}`,
      ip: `198.51.100.${i % 5}`,
      user_agent: i % 11 === 0 ? 'Googlebot/2.1' : 'Mozilla/5.0 Firefox/140.0',
    }),
  );
  return [...events, ...events.filter((_, i) => i % 10 === 0)];
}

test('the clicks that explain finds add up to the figures that metrics prints, in every grain, and after retention', () =>
  withInstallation(
    'explain',
    async (installation) => {
      const worker = await installation.worker();
      const send = async (input: string): Promise<void> => {
        const sent = await installation.run(['produce', '-'], {}, input);
        assert.equal(sent.code, 0, sent.stderr);
        await installation.json(['pipeline']);
      };
      await send(`${lines().join('\n')}\n`);
      // A late click between two of a visit changes the time of the one before it.
      await send(
        `${JSON.stringify({ event_id: 'late', t: FIRST + 2 * DAY + 1, url: '/page/1', ip: '198.51.100.1' })}\n`,
      );
      let frozen = 0;
      for (const grain of ['hour', 'day', 'month', 'total']) {
        const found = await installation.run(['metrics', '--grain', grain, '--limit', '3', '--json']);
        const figures = found.stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Figure);
        assert.ok(figures.length >= 3 || grain === 'total', found.stderr);
        for (const figure of figures) {
          const start = figure.window_start;
          const lengths: Record<string, number> = { hour: 13, day: 10, month: 7 };
          const window = start === null ? 'total' : start.slice(0, lengths[grain]);
          const report = await installation.json<ExplainReport>([
            'explain',
            figure.url,
            figure.country,
            window,
          ]);
          assert.deepEqual(
            [report.verdict, report.index.state],
            ['equal', 'same'],
            `${figure.url} ${window}`,
          );
          assert.equal(report.figure?.click_count, figure.click_count);
          assert.equal(report.run?.workflow_id, `${installation.name}-analyze`);
          assert.equal(
            Number(report.found.click_count) + Number(report.frozen.click_count),
            Number(figure.click_count),
          );
          frozen += report.frozen.hours;
          assert.ok(
            report.clicks.every((click) => click.batch_id !== null && click.topic === installation.topic),
          );
        }
      }
      assert.ok(frozen > 0, 'a part of the figures is frozen');
      const none = await installation.run(['explain', '/page/1', 'XX', 'total']);
      assert.equal(none.code, 1);
      assert.match(none.stdout, /no such figure, and no clicks\nthis URL has/);
      const odd = await installation.run(['explain', '--json', '--', '-odd', 'ZZ', '2026']);
      assert.equal(odd.code, 2);
      assert.match(odd.stderr, /WINDOW: expected an hour/);
      assert.equal(await worker.terminate(), 0);
    },
    (yaml) => `${yaml}\nretention: { clicks: 2d, dead_letters: 30d }\n`,
  ));
