import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { generateEvents, type GeneratedEvent, type Shape } from '../../bench/ingest/shape.js';
import { median } from '../../bench/ingest/summary.js';
import { cli } from '../support/cli.js';

const shape: Shape = { events: 20_000, duplicatePercent: 1, days: 3, order: 'by time' };
const text = ({ value }: GeneratedEvent): string => Buffer.from(value).toString();
const timeOf = (event: GeneratedEvent): number =>
  Date.parse((JSON.parse(text(event)) as { event_time: string }).event_time);

describe('the events of the benchmark', () => {
  test('are as many as asked for, about 445 bytes each, and the same every time', () => {
    const events = [...generateEvents(shape)];
    assert.equal(events.length, shape.events);
    const bytes = events.reduce((sum, { value }) => sum + value.length, 0) / events.length;
    assert.ok(bytes > 400 && bytes < 490, `${bytes} bytes`);
    assert.deepEqual(events.slice(0, 500).map(text), [...generateEvents(shape)].slice(0, 500).map(text));
  });

  test('come twice in one of a hundred, bit for bit, and only where asked for', () => {
    const events = [...generateEvents(shape)];
    const again = events.filter((event) => event.again).length;
    assert.ok(again > 150 && again < 250, `${again}`);
    assert.equal(new Set(events.map(text)).size, events.length - again);
    assert.equal([...generateEvents({ ...shape, duplicatePercent: 0 })].filter((e) => e.again).length, 0);
  });

  test('come late now and then, and else in the order of their time', () => {
    const events = [...generateEvents({ ...shape, duplicatePercent: 0 })];
    let latest = 0;
    const late = events.filter((event) => {
      const isLate = timeOf(event) < latest;
      latest = Math.max(latest, timeOf(event));
      return isLate;
    });
    assert.ok(late.length > 50 && late.length < 150, `${late.length}`);
  });

  test('touch all days in every thousand when mixed', () => {
    const events = [...generateEvents({ ...shape, days: 60, order: 'mixed' })].slice(5_000, 6_000);
    const days = new Set(events.map((event) => new Date(timeOf(event)).toISOString().slice(0, 10)));
    assert.ok(days.size >= 60, `${days.size}`);
  });
});

test('the median of an even count lies between the two in the middle', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([3, 1, 2]), 2);
});

test('bench ingest counts every row of every contestant and prints one object of finite ratios', async () => {
  const args = ['bench', 'ingest', '--quick', '--events', '10000', '--json'];
  const { code, stdout, stderr } = await cli(args, { env: { CLICKSTREAM_BENCH_SERVERS: 'environment' } });
  assert.equal(code, 0, stderr);
  const summary = JSON.parse(stdout) as Record<string, number>;
  for (const key of ['events_per_s', 'ratio_csv', 'ratio_binary', 'ratio_textbook', 'duplicates_ratio'])
    assert.ok((summary[key] ?? 0) > 0, `${key} in ${stdout}`);
  assert.equal(summary['events'], 10_000);
  assert.ok('rss_mb' in summary);
});
