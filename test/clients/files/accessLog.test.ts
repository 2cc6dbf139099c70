import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openEnrichers } from '../../../clients/enrich/index.js';
import { accessLogRecords } from '../../../clients/files/accessLog.js';
import { readLines } from '../../../clients/files/lines.js';
import { ndjsonRecords } from '../../../clients/files/ndjson.js';
import { parseConfig } from '../../../domain/config/parse.js';
import { UsageError } from '../../../domain/errors.js';
import { createDecoder } from '../../../domain/event/decoder.js';
import { BROKEN_EVERY, generateAccessLog } from '../../../domain/generator/accessLog.js';
import { ROOT } from '../../support/cli.js';

const folder = mkdtempSync(path.join(tmpdir(), 'lines-'));
after(() => rmSync(folder, { recursive: true }));

function file(content: Uint8Array | string): string {
  const name = path.join(folder, createHash('sha256').update(content).digest('hex').slice(0, 16));
  writeFileSync(name, content);
  return name;
}
async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const lines = async (name: string): Promise<string[]> => (await collect(readLines(name))).map(String);

const LINE = '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 5 "-" "A"';
interface Sent {
  readonly event_id: string;
  readonly url?: string;
  readonly raw?: string;
  readonly user_agent?: string;
}
const sent = async (content: Uint8Array | string): Promise<Sent[]> =>
  (await collect(accessLogRecords(readLines(file(content)), { lines: 0, unparsable: 0 }, 'f'))).map(
    ({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as Sent,
  );

describe('readLines', () => {
  test('reads plain and gzip alike, several members and a last line without LF too', async () => {
    const parts = ['a\nb', 'c\n', '\nd'];
    const expected = ['a', 'bc', '', 'd'];
    assert.deepEqual(await lines(file(parts.join(''))), expected);
    assert.deepEqual(await lines(file(Buffer.concat(parts.map((part) => gzipSync(part))))), expected);
    assert.deepEqual(await lines(file('')), []);
    assert.deepEqual(await lines(file('x')), ['x']);
  });

  test('reads stdin, gzip too, in pieces of any size', async () => {
    const pieces = [...gzipSync('a\nb\n')].map((byte) => Buffer.of(byte));
    const read = await collect(readLines('-', { stdin: Readable.from(pieces) }));
    assert.deepEqual(read.map(String), ['a', 'b']);
  });

  const wrong: [what: string, make: () => string, expected: RegExp][] = [
    ['a missing file', () => path.join(folder, 'none'), /none: expected a readable file, got no such file$/],
    ['a folder', () => folder, /expected a readable file, got a folder$/],
    [
      'cut-off gzip',
      () => file(gzipSync('a\n'.repeat(10_000)).subarray(0, 40)),
      /expected gzip, got a damaged or cut-off/,
    ],
    [
      'a line without end',
      () => file('a\n' + 'x'.repeat(9 * 2 ** 20)),
      /line 2: expected at most 8388608 bytes/,
    ],
  ];
  for (const [what, make, expected] of wrong) {
    test(`says what is wrong with ${what}`, async () => {
      await assert.rejects(
        async () => lines(make()),
        (error) => error instanceof UsageError && expected.test(error.message),
      );
    });
  }
});

describe('accessLogRecords', () => {
  test('a line’s id is the SHA-256 of the file up to it, so a grown file repeats its old ids', async () => {
    const old = `${LINE}\n${LINE}\n`;
    const [first, second] = await sent(old);
    assert.equal(first?.event_id, createHash('sha256').update(`${LINE}\n`).digest('hex'));
    assert.equal(second?.event_id, createHash('sha256').update(old).digest('hex'));
    const grown = await sent(gzipSync(`${old}${LINE}`));
    assert.deepEqual(grown.slice(0, 2), [first, second]);
    assert.deepEqual(await sent(`${old}${LINE}\n`), grown);
  });

  test('an unparsable line is sent raw with its id, an empty one not at all, a CR is no part of a line', async () => {
    const [bad, good, ...rest] = await sent(`nonsense\r\n\r\n${LINE}\r\n`);
    assert.deepEqual(Object.keys(bad ?? {}), ['event_id', 'raw']);
    assert.equal(bad?.raw, 'nonsense');
    assert.equal(good?.user_agent, 'A');
    assert.equal(rest.length, 0);
  });

  test('a line in Latin-1 keeps every byte', async () => {
    const [click] = await sent(Buffer.from(LINE.replace('/a', '/caf\u00e9'), 'latin1'));
    assert.equal(click?.url, '/caf\u00e9');
  });

  test('keeps its neighbours whole around a line of 100 KB', async () => {
    const long = `/${'x'.repeat(100_000)}`;
    const urls = (await sent([LINE, LINE.replace('/a', long), LINE].join('\n'))).map(({ url }) => url);
    assert.deepEqual(urls, ['/a', long, '/a']);
  });
});

test('NDJSON is sent byte for byte, with the key that stands at the path', async () => {
  const input = ['{"u":{"id":7}}\r', '{"u":{}}', '', '{broken', '{"u":{"id":{}}}'].map((line) =>
    Buffer.from(line),
  );
  const records = await collect(ndjsonRecords(input, ['u', 'id'], 'f'));
  assert.deepEqual(
    records.map(({ key, value, line }) => [key && String(key), Buffer.from(value ?? []).toString(), line]),
    [
      ['7', '{"u":{"id":7}}', 1],
      [null, '{"u":{}}', 2],
      [null, '{broken', 4],
      [null, '{"u":{"id":{}}}', 5],
    ],
  );
});

const log = process.env['CLICKSTREAM_TEST_LOG'];
test(`an access log ends as clicks but for its broken lines (${log ? 'a real one' : 'a made one'})`, async () => {
  const made = (): string => file([...generateAccessLog({ records: 10_000 })].join('\n'));
  const config = parseConfig(readFileSync(path.join(ROOT, 'clickstream.yaml'), 'utf8'), 'clickstream.yaml');
  const decode = createDecoder(config, await openEnrichers(config, new Uint8Array(32)), (bytes) =>
    createHash('sha256').update(bytes).digest(),
  );
  let offset = 0n;
  const ids = new Set<string>();
  const rejected: string[] = [];
  const counts = { lines: 0, unparsable: 0 };
  for await (const { value } of accessLogRecords(readLines(log ?? made()), counts, 'f')) {
    const record = { partition: 0, offset: offset++, timestampMs: Date.now(), key: null, value };
    const decoded = decode(record, { sourceId: 1 });
    if (decoded.kind === 'row') ids.add(Buffer.from(decoded.row.eventId).toString('hex'));
    else rejected.push(decoded.reason);
    if (decoded.kind === 'rejected') assert.equal(decoded.eventId?.length, 16);
  }
  const broken = log === undefined ? 10_000 / BROKEN_EVERY : counts.unparsable;
  assert.equal(counts.unparsable, broken);
  assert.equal(ids.size, counts.lines - broken);
  assert.deepEqual(rejected, Array<string>(broken).fill('missing_required'));
  if (path.basename(log ?? '') === 'semicomplete-access.log.gz')
    assert.deepEqual([ids.size, broken], [9_999, 1]);
});
