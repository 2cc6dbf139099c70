import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  COPY_HEADER,
  COPY_TRAILER,
  CopyEncoder,
  type CopyValue,
} from '../../../clients/postgres/copyBinary.js';
import { FigureRows } from '../../../clients/postgres/index/figureRows.js';
import type { Span } from '../../../domain/figure.js';

const HOUR_US = 1_793_527_200_000_000n;
const textOf = ({ bytes, from, to }: Span): string => Buffer.from(bytes.subarray(from, to)).toString();

test('figures come out of a binary COPY whole, wherever its parts are cut', () => {
  const encoder = new CopyEncoder([
    ...(['bytea', 'bigint', 'boolean', 'timestamptz', 'text', 'text'] as const),
    ...(['bigint', 'bigint', 'bigint', 'boolean', 'bigint', 'bigint', 'double', 'double', 'double'] as const),
  ]);
  const rows: CopyValue[][] = [
    [
      Buffer.from('id1'),
      1n,
      false,
      HOUR_US,
      '/ü"\n',
      'DE',
      2n ** 53n - 1n,
      2n ** 53n,
      -1n,
      true,
      0n,
      2n ** 63n - 1n,
      1.5,
      null,
      -0.1,
    ],
    [
      Buffer.from('id2'),
      2n ** 60n,
      true,
      null,
      'x'.repeat(700),
      '',
      0n,
      0n,
      0n,
      false,
      0n,
      0n,
      null,
      null,
      null,
    ],
  ];
  for (const row of rows) encoder.row(row);
  const copy = Buffer.concat([COPY_HEADER, encoder.take(), COPY_TRAILER]);

  for (const size of [1, 2, 3, 7, 64, copy.length]) {
    const found: unknown[] = [];
    const figures = new FigureRows('hour');
    for (let at = 0; at < copy.length; at += size)
      for (const row of figures.of(copy.subarray(at, at + size)))
        found.push({ ...row, id: textOf(row.id), url: textOf(row.url), country: textOf(row.country) });
    const none = { avgTimeSpentMs: null, medianTimeSpentMs: null, p90TimeSpentMs: null };
    assert.deepEqual(found, [
      {
        grain: 'hour',
        id: 'id1',
        version: 1,
        deleted: false,
        windowStart: '2026-11-01T10:00:00Z',
        url: '/ü"\n',
        country: 'DE',
        clickCount: 2 ** 53 - 1,
        botClicks: 2n ** 53n,
        uniqueUsers: -1,
        uniqueUsersExact: true,
        timedClicks: 0,
        totalTimeSpentMs: 2n ** 63n - 1n,
        avgTimeSpentMs: 1.5,
        medianTimeSpentMs: null,
        p90TimeSpentMs: -0.1,
      },
      {
        ...{ grain: 'hour', id: 'id2', version: 2n ** 60n, deleted: true, windowStart: null },
        ...{ url: 'x'.repeat(700), country: '', clickCount: 0, botClicks: 0, uniqueUsers: 0 },
        ...{ uniqueUsersExact: false, timedClicks: 0, totalTimeSpentMs: 0, ...none },
      },
    ]);
  }
});
