import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openSpark, SparkColumnRefused, type SparkSession } from '../../../clients/spark/index.js';
import { oneRow, readAll, REMOTE } from './support.js';

describe('values of Spark', () => {
  let session: SparkSession;
  before(async () => {
    session = await openSpark(REMOTE);
  });
  after(() => session.close());

  test('values travel as parameters and come back as they were', async () => {
    const text = `'; DROP TABLE x -- \\ " \u{1f600}`;
    const values = { text, big: 2n ** 62n, none: null, flag: true, whole: 7, part: 0.1, huge: 2 ** 60 };
    const query =
      'SELECT :text AS text, :big AS big, :none AS none, :flag AS flag, :whole AS whole, :part AS part';
    const row = await oneRow(session, `${query}, :huge AS huge, hex(:bytes) AS hex, typeof(:huge) AS type`, {
      ...values,
      bytes: Uint8Array.of(0, 255, 10),
    });
    assert.deepEqual({ ...row }, { ...values, whole: 7n, hex: '00FF0A', type: 'double' });
  });

  test('each type that is not refused comes as the documentation says', async () => {
    const row = await oneRow(
      session,
      `SELECT CAST(-9223372036854775808 AS BIGINT) AS bigint, CAST(-5 AS INT) AS int, CAST(3 AS SMALLINT) AS small,
         CAST(-1 AS TINYINT) AS tiny, CAST('NaN' AS DOUBLE) AS nan, CAST('-Infinity' AS DOUBLE) AS infinite,
         0.1D AS double, CAST(0.5 AS FLOAT) AS float, 'é\u{1f600}' AS text, '' AS empty, X'00ff' AS bytes,
         DATE'1969-12-31' AS date, true AS flag, CAST(NULL AS BIGINT) AS none, unix_micros(TIMESTAMP'1969-12-31 23:59:59.999999Z') AS micros`,
    );
    assert.deepEqual(
      { ...row, bytes: [...(row['bytes'] as Uint8Array)] },
      {
        bigint: -(2n ** 63n),
        int: -5,
        small: 3,
        tiny: -1,
        nan: NaN,
        infinite: -Infinity,
        double: 0.1,
        float: 0.5,
        text: 'é\u{1f600}',
        empty: '',
        bytes: [0, 255],
        date: -86_400_000,
        flag: true,
        none: null,
        micros: -1n,
      },
    );
    const [batch] = await readAll(
      session,
      "SELECT array(0.5D, NULL) AS list, named_struct('a', 1L) AS struct",
    );
    assert.deepEqual([...(batch?.getChild('list')?.get(0) as Iterable<unknown>)], [0.5, null]);
    assert.deepEqual({ ...(batch?.getChild('struct')?.get(0) as object) }, { a: 1n });
  });

  const LYING: readonly [expression: string, column: string, instead: string][] = [
    ['CAST(1.25 AS DECIMAL(10,2))', 'x', 'CAST'],
    ["TIMESTAMP'2026-01-01 00:00:00'", 'x', 'unix_micros'],
    ["TIMESTAMP_NTZ'2026-01-01 00:00:00'", 'x', 'unix_micros'],
    ["INTERVAL '1' DAY", 'x', 'CAST'],
    ["INTERVAL '1' MONTH", 'x', 'CAST'],
    ["array(named_struct('price', 1.5BD))", 'x.element.price', 'CAST'],
  ];
  for (const [expression, column, instead] of LYING)
    test(`${expression} would lie and is refused by its column's name`, async () => {
      await assert.rejects(
        readAll(session, `SELECT ${expression} AS x`),
        (e) =>
          e instanceof SparkColumnRefused &&
          e.column === column &&
          e.message.includes(column) &&
          e.message.includes(instead) &&
          !e.retryable,
      );
    });

  test('compressed batches are refused with the setting that made them', async () => {
    const other = await openSpark(REMOTE);
    try {
      await other.set({ 'spark.sql.execution.arrow.compression.codec': 'zstd' });
      await assert.rejects(
        readAll(other, 'SELECT id FROM range(1000)'),
        (e) =>
          e instanceof SparkColumnRefused &&
          e.message.includes('spark.sql.execution.arrow.compression.codec'),
      );
    } finally {
      await other.close();
    }
  });
});
