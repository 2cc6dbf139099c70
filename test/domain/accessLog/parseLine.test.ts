import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAccessLogLine } from '../../../domain/accessLog/parseLine.js';

const COMMON = '192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 200 203023';
const CLICK = {
  t: Date.UTC(2015, 4, 17, 10, 5, 3),
  ip: '192.0.2.7',
  method: 'GET',
  url: '/a?b=c',
  status: 200,
  bytes: 203023,
};

describe('parseAccessLogLine', () => {
  const good: [what: string, line: string, click: object][] = [
    ['common', COMMON, CLICK],
    [
      'combined',
      `${COMMON} "http://r/" "A/1 (x)"`,
      { ...CLICK, referrer: 'http://r/', user_agent: 'A/1 (x)' },
    ],
    ['dashes as absent', `${COMMON} "-" "-"`, CLICK],
    ['escaped quotes', `${COMMON} "-" "A \\"B\\" \\\\ \\x16"`, { ...CLICK, user_agent: 'A "B" \\ \\x16' }],
    ['more fields behind', `${COMMON} "-" "A" "10.0.0.1" 0.02`, { ...CLICK, user_agent: 'A' }],
    ['no bytes', COMMON.replace('203023', '-'), { ...CLICK, bytes: undefined }],
    ['a user with spaces and brackets', COMMON.replace('- -', '- j [x] doe'), CLICK],
    ['another zone', COMMON.replace('10:05:03 +0000', '12:35:03 +0230'), CLICK],
    ['HTTP/0.9', COMMON.replace(' HTTP/1.1', ''), CLICK],
    ['a space in the page', COMMON.replace('/a?', '/a b?'), { ...CLICK, url: '/a b?b=c' }],
    ['IPv6', COMMON.replace('192.0.2.7', '2001:db8::1'), { ...CLICK, ip: '2001:db8::1' }],
    [
      'a page of 100 KB',
      COMMON.replace('/a', `/${'x'.repeat(100_000)}`),
      { ...CLICK, url: `/${'x'.repeat(100_000)}?b=c` },
    ],
  ];
  for (const [what, line, click] of good) {
    test(`reads ${what}`, () => {
      const { bytes, ...rest } = parseAccessLogLine(line) ?? assert.fail('unparsable');
      assert.deepEqual({ ...rest, ...(bytes !== undefined && { bytes }) }, JSON.parse(JSON.stringify(click)));
    });
  }

  const bad: [what: string, line: string][] = [
    ['no line', ''],
    ['words', 'hello world'],
    ['a request that is none', COMMON.replace('GET /a?b=c HTTP/1.1', '-')],
    ['an empty request', COMMON.replace('GET /a?b=c HTTP/1.1', '')],
    ['bytes of TLS', COMMON.replace('GET /a?b=c HTTP/1.1', '\\x16\\x03\\x01')],
    ['a cut-off agent', `${COMMON} "-" "Mozilla/5.0 (comp`],
    ['a cut-off referrer', `${COMMON} "http://`],
    ['a referrer alone', `${COMMON} "-"`],
    ['a month that is none', COMMON.replace('May', 'Mai')],
    ['a day that is none', COMMON.replace('17/May', '31/Jun')],
    ['a status that is none', COMMON.replace(' 200 ', ' ok ')],
  ];
  for (const [what, line] of bad) {
    test(`reads nothing out of ${what}`, () => assert.equal(parseAccessLogLine(line), undefined));
  }

  test('takes lines made to keep it busy in its stride', () => {
    // What this process worked, whatever else the machine does.
    const before = process.cpuUsage();
    for (const part of [' [', 'x ', '"', '\\"', ' HTTP/1.', '\\']) {
      parseAccessLogLine(`192.0.2.7 - ${part.repeat(300_000)}`);
      parseAccessLogLine(COMMON.replace('/a', part.repeat(300_000)));
    }
    assert.ok(process.cpuUsage(before).user < 5_000_000);
  });
});
