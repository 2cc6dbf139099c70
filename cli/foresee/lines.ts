import { accessLogRecords } from '../../clients/files/accessLog.js';
import { readLines } from '../../clients/files/lines.js';
import { ndjsonRecords } from '../../clients/files/ndjson.js';
import type { KafkaRecord } from '../../domain/event/decoder.js';

/** The lines of a file (or `-`: stdin) as records that arrive now: the offset is the line's number, from 1. */
export async function* fileRecords(
  file: string,
  format: 'ndjson' | 'access-log',
  signal: AbortSignal,
): AsyncGenerator<KafkaRecord> {
  let line = 0n;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const bytes of readLines(file, { signal })) {
      line += 1n;
      yield bytes;
    }
  };
  const timestampMs = Date.now();
  const records = format === 'access-log' ? accessLogRecords(counted()) : ndjsonRecords(counted());
  for await (const { key, value } of records)
    yield { partition: 0, offset: line, timestampMs, key: key ?? null, value };
}
