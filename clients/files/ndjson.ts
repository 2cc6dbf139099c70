import type { ProduceRecord } from '../kafka/client.js';
import { at } from '../../domain/config/data.js';

/**
 * One record a line, its bytes as they are; empty lines are none.
 * @param keyPath Where the key stands in the JSON; a line that is none or lacks it goes without key.
 * @param file What the lines are said to be from.
 */
export async function* ndjsonRecords(
  lines: AsyncIterable<Buffer> | Iterable<Buffer>,
  keyPath: readonly string[] | undefined,
  file: string,
): AsyncGenerator<Required<ProduceRecord>> {
  let line = 0;
  for await (const bytes of lines) {
    line += 1;
    const value = bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes;
    if (value.length > 0)
      yield { key: keyPath === undefined ? null : keyOf(value, keyPath), value, file, line };
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
