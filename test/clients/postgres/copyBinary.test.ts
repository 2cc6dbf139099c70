import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import {
  COPY_HEADER,
  COPY_TRAILER,
  CopyEncoder,
  type CopyType,
  type CopyValue,
  timeInHalves,
} from '../../../clients/postgres/copyBinary.js';
import { copyRows } from '../../../clients/postgres/ingest.js';
import { clickIdHigh, clickIdLow } from '../../../clients/postgres/offsets.js';
import { openPostgres, withClient } from '../../../clients/postgres/pool.js';
import { parseServers } from '../../../domain/config/servers.js';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({ unit: 'binary', maxLength: 80 }).map((s) => s.toWellFormed().replaceAll('\0', '')),
  fc.string({ unit: 'grapheme-ascii', minLength: 40, maxLength: 60 }),
);
const micros = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });

/** A column of each type: values, and their bytes made the slow way. */
const COLUMNS: readonly {
  readonly type: CopyType;
  readonly sql: string;
  readonly values: fc.Arbitrary<CopyValue>;
  readonly slow: (value: CopyValue) => Buffer;
}[] = [
  { type: 'text', sql: 'text', values: text, slow: (v) => Buffer.from(String(v)) },
  {
    type: 'jsonb',
    sql: 'jsonb',
    values: text.map((s) => JSON.stringify({ s })),
    slow: (v) => Buffer.concat([Buffer.from([1]), Buffer.from(String(v))]),
  },
  {
    type: 'bytea',
    sql: 'bytea',
    values: fc.uint8Array({ maxLength: 60 }),
    slow: (v) => Buffer.from(v as Uint8Array),
  },
  {
    type: 'uuid',
    sql: 'uuid',
    values: fc.uuid(),
    slow: (v) => Buffer.from(String(v).replaceAll('-', ''), 'hex'),
  },
  {
    type: 'inet',
    sql: 'inet',
    values: fc.ipV4(),
    slow: (v) => Buffer.from([2, 32, 0, 4, ...String(v).split('.').map(Number)]),
  },
  { type: 'boolean', sql: 'boolean', values: fc.boolean(), slow: (v) => Buffer.from([v === true ? 1 : 0]) },
  {
    type: 'integer',
    sql: 'integer',
    values: fc.integer(),
    slow: (v) => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(Number(v));
      return bytes;
    },
  },
  {
    type: 'bigint',
    sql: 'bigint',
    values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    slow: (v) => int64(v as bigint),
  },
  {
    type: 'timestamptz',
    sql: 'timestamptz',
    values: micros,
    slow: (v) => int64((v as bigint) - 946_684_800_000_000n),
  },
  {
    type: 'double',
    sql: 'double precision',
    values: fc.double(),
    slow: (v) => {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleBE(Number(v));
      return bytes;
    },
  },
];

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

const field = (bytes: Buffer | null): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes === null ? -1 : bytes.length);
  return Buffer.concat([length, bytes ?? Buffer.alloc(0)]);
};

const slowRow = (fields: readonly (Buffer | null)[]): Buffer =>
  Buffer.concat([Buffer.from([fields.length >> 8, fields.length & 255]), ...fields.map(field)]);

const rows = fc.array(fc.tuple(...COLUMNS.map(({ values }) => fc.option(values, { freq: 5, nil: null }))), {
  maxLength: 60,
});
const types = COLUMNS.map(({ type }) => type);

test('rows are the same bytes as made the slow way, for any values of any type', () => {
  fc.assert(
    fc.property(rows, (given) => {
      const encoder = new CopyEncoder(types);
      for (const row of given) encoder.row(row);
      const slow = given.map((row) =>
        slowRow(row.map((value, i) => (value === null ? null : (COLUMNS[i]?.slow(value) ?? null)))),
      );
      assert.deepEqual(encoder.take(), Buffer.concat(slow));
    }),
    { numRuns: 200 },
  );
});

test('rows that begin with their keys are the same bytes as rows of bigints', () => {
  const keys = fc.record({
    source: fc.nat(1023),
    partition: fc.nat(8191),
    offset: fc.bigInt({ min: 0n, max: 2n ** 40n - 1n }),
    eventId: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: undefined }),
    // Event times end in 2100, far inside what a number holds exactly.
    time: fc.bigInt({ min: 946_684_800_000_000n, max: 4_102_444_800_000_000n }),
    value: text,
  });
  fc.assert(
    fc.property(keys, ({ source, partition, offset, eventId, time, value }) => {
      const id = (BigInt(source) << 53n) | (BigInt(partition) << 40n) | offset;
      const high = clickIdHigh(source, partition, Number(offset));
      const low = clickIdLow(Number(offset));
      const columns: CopyType[] = ['bigint', ...(eventId ? ['uuid' as const] : []), 'timestamptz', 'text'];
      const quick = new CopyEncoder(columns);
      quick.rowWithKeys({ high, low, eventId, ...timeInHalves(Number(time)) }, [value]);
      const plain = new CopyEncoder(columns);
      plain.row([id, ...(eventId ? [eventId] : []), time, value]);
      assert.deepEqual(quick.take(), plain.take());
    }),
    { numRuns: 1000 },
  );
});

test('PostgreSQL reads every value back as it was given', async () => {
  const postgres = openPostgres(parseServers(process.env), 'public');
  const name = (i: number): string => `c${i}`;
  try {
    await withClient(postgres, 'copyBinary.test', async (client) => {
      const columns = COLUMNS.map(({ sql }, i) => `${name(i)} ${sql}`);
      await client.query(`CREATE TEMPORARY TABLE copied (n integer, ${columns.join(', ')})`);
      const given = fc.sample(rows, { numRuns: 40, seed: 7 }).flat();
      const encoder = new CopyEncoder(['integer', ...types]);
      for (const [n, row] of given.entries()) encoder.row([n, ...row]);
      const bytes = Readable.from([COPY_HEADER, encoder.take(), COPY_TRAILER], { objectMode: false });
      await copyRows(client, 'copied', ['n', ...COLUMNS.map((_, i) => name(i))], bytes);
      const shown = COLUMNS.map(({ type }, i) =>
        type === 'timestamptz'
          ? `(extract(epoch FROM ${name(i)}) * 1000000)::bigint::text`
          : `${name(i)}${type === 'bytea' ? '' : '::text'}`,
      );
      const { rows: found } = await client.query<(string | Buffer | null)[]>({
        text: `SELECT ${shown.join(', ')} FROM copied ORDER BY n`,
        rowMode: 'array',
      });
      assert.equal(found.length, given.length);
      for (const [n, row] of given.entries())
        for (const [i, value] of row.entries())
          assert.deepEqual(read(types[i], found[n]?.[i] ?? null), expected(types[i], value));
    });
  } finally {
    await postgres.close();
  }
});

/** What PostgreSQL shows, and what was given, in one form. */
function read(type: CopyType | undefined, shown: string | Buffer | null): unknown {
  if (shown === null) return null;
  if (type === 'jsonb') return JSON.parse(String(shown)) as unknown;
  return type === 'double' ? Number(shown) : shown;
}
function expected(type: CopyType | undefined, value: CopyValue): unknown {
  if (value === null) return null;
  if (type === 'jsonb') return JSON.parse(String(value)) as unknown;
  if (type === 'bytea') return Buffer.from(value as Uint8Array);
  if (type === 'double') return value;
  return type === 'uuid'
    ? String(value).toLowerCase()
    : type === 'inet'
      ? `${String(value)}/32`
      : String(value);
}
