import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAccessLogLine } from '../../../domain/accessLog/parseLine.js';
import { BROKEN_EVERY, generateAccessLog } from '../../../domain/generator/accessLog.js';
import { generateClicks } from '../../../domain/generator/clicks.js';

const RECORDS = 20_000;
const records = [...generateClicks({ records: RECORDS, seed: 3 })];
const share = (kind: string): number => records.filter((record) => record.kind === kind).length / RECORDS;

interface ShopEvent {
  readonly event_id: string;
  readonly t: number;
  readonly page: { readonly url: string };
  readonly time_spent?: number;
}
const events = records
  .filter(({ kind }) => kind === 'click')
  .map(({ value }) => JSON.parse(Buffer.from(value).toString()) as ShopEvent);

describe('the fictitious shop', () => {
  test('is the same for the same seed, and another for another', () => {
    const again = [...generateClicks({ records: 500, seed: 3 })];
    assert.deepEqual(again, [...generateClicks({ records: 500, seed: 3 })]);
    assert.notDeepEqual(again, [...generateClicks({ records: 500, seed: 4 })]);
  });

  test('has as many records as asked for, with the duplicates and the broken ones that it states', () => {
    assert.equal(records.length, RECORDS);
    assert.ok(Math.abs(share('duplicate') - 0.01) < 0.003, String(share('duplicate')));
    assert.ok(share('broken') > 0 && share('broken') < 0.002, String(share('broken')));
  });

  test('repeats ids in duplicates only', () => {
    assert.equal(new Set(events.map((event) => event.event_id)).size, events.length);
  });

  test('has late events, few favourite pages, a daily rhythm, and rarely a time spent', () => {
    const late = events.filter((event, i) => i > 0 && event.t < (events[i - 1]?.t ?? 0) - 1_800_000);
    assert.ok(late.length > 20, String(late.length));
    const home = events.filter((event) => event.page.url === '/').length / events.length;
    assert.ok(home > 0.1 && home < 0.25, String(home));
    const at = (hour: number): number => events.filter(({ t }) => new Date(t).getUTCHours() === hour).length;
    assert.ok(at(20) > 3 * at(8), `${at(20)} ${at(8)}`);
    const said = events.filter((event) => event.time_spent !== undefined).length / events.length;
    assert.ok(said > 0.01 && said < 0.06, String(said));
  });
});

test('the access log has the broken lines that it states, and no other', () => {
  const lines = [...generateAccessLog({ records: RECORDS })];
  assert.equal(lines.length, RECORDS);
  const broken = lines.flatMap((line, i) => (parseAccessLogLine(line) === undefined ? [i + 1] : []));
  assert.deepEqual(
    broken,
    Array.from({ length: RECORDS / BROKEN_EVERY }, (_, i) => (i + 1) * BROKEN_EVERY),
  );
});
