/** The textbook's process: eachBatch, a transaction a batch, offsets committed to the group after it. */
import type { EachBatchPayload } from 'kafkajs';
import pg from 'pg';
import { newKafka } from '../../clients/kafka/internals.js';
import { isTransientConflict } from '../../clients/postgres/errors.js';
import { connectionConfig } from '../../clients/postgres/pool.js';
import { parseServers } from '../../domain/config/servers.js';
import { contest } from './children.js';
import type { TextbookResult, TextbookWork } from './textbook.js';

/** 1,000 rows of eight parameters stay below the protocol's 65,535. */
const ROWS = 1_000;

const { name, topic, events } = JSON.parse(process.argv[2] ?? '') as TextbookWork;
const servers = parseServers(process.env);
const pool = new pg.Pool({ ...connectionConfig(servers, name), max: 2 });
const consumer = newKafka(servers, name).consumer({ groupId: name });

type Event = Readonly<Record<string, string | number | null>>;
type Row = readonly [clickId: string, event: Event];

async function insert(
  client: pg.PoolClient,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
): Promise<string[]> {
  const tuples = rows.map((row, r) => `(${row.map((_, c) => `$${r * columns.length + c + 1}`).join(', ')})`);
  const { rows: inserted } = await client.query<{ click_id: string }>(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${tuples.join(', ')} ON CONFLICT DO NOTHING RETURNING click_id`,
    rows.flat(),
  );
  return inserted.map(({ click_id }) => click_id);
}

const CLICK = [
  'click_id',
  'event_id',
  'event_time',
  'url',
  'user_id',
  'session_id',
  'referrer',
  'time_spent_ms',
];
const GEO = ['click_id', 'event_time', 'ip', 'country', 'city'];
const AGENT = ['click_id', 'event_time', 'browser', 'user_agent'];
const pick = ([id, event]: Row, columns: readonly string[]): unknown[] =>
  columns.map((column) => (column === 'click_id' ? id : event[column]));

async function store(client: pg.PoolClient, rows: readonly Row[]): Promise<void> {
  const inserted = new Set(
    await insert(
      client,
      'click_data',
      CLICK,
      rows.map((row) => pick(row, CLICK)),
    ),
  );
  const accepted = rows.filter(([id]) => inserted.has(id));
  if (accepted.length === 0) return;
  for (const [table, columns] of [
    ['geo_data', GEO],
    ['user_agent_data', AGENT],
  ] as const)
    await insert(
      client,
      table,
      columns,
      accepted.map((row) => pick(row, columns)),
    );
}

function fail(e: unknown): never {
  console.error(e);
  process.exit(1);
}

let begun: number | undefined;
let seen = 0;
let done: () => void = () => undefined;
const finished = new Promise<void>((resolve) => (done = resolve));

async function eachBatch(payload: EachBatchPayload): Promise<void> {
  const { batch } = payload;
  begun ??= performance.now();
  const rows = batch.messages.map(({ offset, value }): Row => {
    const id = (BigInt(batch.partition) << 40n) | BigInt(offset);
    return [id.toString(), JSON.parse(value?.toString() ?? '') as Event];
  });
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    for (let at = 0; at < rows.length; at += ROWS) await store(client, rows.slice(at, at + ROWS));
    await client.query('COMMIT');
    client.release();
  } catch (e) {
    // A deadlock over a duplicate: the group delivers the batch again. Whatever else it would try for ever.
    if (!isTransientConflict(e)) fail(e);
    await client.query('ROLLBACK');
    client.release();
    throw e;
  }
  payload.resolveOffset(batch.lastOffset());
  await payload.commitOffsetsIfNecessary();
  seen += batch.messages.length;
  if (seen >= events) done();
}

await contest(
  async () => {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
  },
  async () => {
    const before = process.cpuUsage();
    await consumer.run({ partitionsConsumedConcurrently: 2, eachBatch });
    await finished;
    const seconds = (performance.now() - (begun ?? 0)) / 1000;
    const { user, system } = process.cpuUsage(before);
    await consumer.disconnect();
    await pool.end();
    const result: TextbookResult = { seconds, nodeUs: user + system };
    return JSON.stringify(result);
  },
);
