/** An access log as records for Kafka. */
import { createHash } from 'node:crypto';
import { parseAccessLogLine } from '../../domain/accessLog/parseLine.js';
import type { ProduceRecord } from '../kafka/client.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** Half of what brokers accept by default: JSON may double an unreadable line. */
const MAX_RAW_LENGTH = 400_000;

export interface LineCounts {
  lines: number;
  /** Sent as `{ event_id, raw }`; each ends as a dead letter. */
  unparsable: number;
}

/**
 * One record a line, keyed by client address. The id of a line is the running SHA-256 of the decompressed file
 * up to and including it, so that a file sent again, or grown, counts its old lines as duplicates. Empty lines
 * are no records. A last line without LF counts as if it had one.
 * @param counts Updated while lines pass.
 * @param file What the lines are said to be from.
 */
export async function* accessLogRecords(
  lines: AsyncIterable<Buffer> | Iterable<Buffer>,
  counts: LineCounts,
  file: string,
): AsyncGenerator<Required<ProduceRecord>> {
  const running = createHash('sha256');
  let line = 0;
  for await (const bytes of lines) {
    line += 1;
    running.update(bytes).update('\n');
    const text = decode(bytes).replace(/\r$/, '');
    if (text.trim() === '') continue;
    const eventId = running.copy().digest('hex');
    const click = parseAccessLogLine(text);
    counts.lines += 1;
    if (click === undefined) counts.unparsable += 1;
    const event = click ?? { raw: text.slice(0, MAX_RAW_LENGTH) };
    yield {
      key: click === undefined ? null : Buffer.from(click.ip),
      value: Buffer.from(JSON.stringify({ event_id: eventId, ...event })),
      file,
      line,
    };
  }
}

/** Old servers log bytes of other encodings; as Latin-1 every byte remains and no line is lost. */
function decode(line: Buffer): string {
  try {
    return utf8.decode(line);
  } catch {
    return line.toString('latin1');
  }
}
