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
  const timestampMs = Date.now();
  const lines = readLines(file, { signal });
  const records =
    format === 'access-log'
      ? accessLogRecords(lines, { lines: 0, unparsable: 0 }, file)
      : ndjsonRecords(lines, undefined, file);
  for await (const { key, value, line } of records)
    yield { partition: 0, offset: BigInt(line), timestampMs, key, value };
}
