import type { ProduceRecord } from '../kafka/client.js';
import { at } from '../../domain/config/data.js';

/**
 * One record a line, its bytes as they are; empty lines are none.
 * @param keyPath Where the key stands in the JSON; a line that is none or lacks it goes without key.
 */
export async function* ndjsonRecords(
  lines: AsyncIterable<Buffer> | Iterable<Buffer>,
  keyPath?: readonly string[],
): AsyncGenerator<ProduceRecord> {
  for await (const line of lines) {
    const value = line.at(-1) === 13 ? line.subarray(0, -1) : line;
    if (value.length > 0) yield { key: keyPath === undefined ? null : keyOf(value, keyPath), value };
  }
}

function keyOf(line: Buffer, path: readonly string[]): Buffer | null {
  try {
    const key = at(JSON.parse(line.toString('utf8')) as unknown, path);
    const isKey = typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean';
    return isKey ? Buffer.from(String(key)) : null;
  } catch {
    return null;
  }
}
