import type { Config } from './config/config.js';

/** A topic may have hundreds. */
const PARTITIONS_TOLD = 8;

/**
 * From where each partition of a topic is read that nothing was ingested of yet, and what is passed by that, in words.
 * @param earliest what the log holds of each
 */
export function beginningText(
  topic: string,
  start: Config['kafka']['start'],
  begins: ReadonlyMap<number, bigint>,
  earliest: ReadonlyMap<number, bigint>,
): string {
  const all = [...begins].sort(([a], [b]) => a - b);
  const told = all
    .slice(0, PARTITIONS_TOLD)
    .map(([partition, offset]) => `partition ${partition} at offset ${offset}`);
  const more = all.length > told.length ? [`${all.length - told.length} more partitions`] : [];
  const passed = all.reduce(
    (sum, [partition, offset]) => sum + offset - (earliest.get(partition) ?? offset),
    0n,
  );
  const wish = typeof start === 'string' ? start : start.time;
  return (
    `topic ${topic} begins, by kafka.start: ${wish}, with ${[...told, ...more].join(', ')}` +
    (passed > 0n ? `; ${passed} ${passed === 1n ? 'offset' : 'offsets'} before that are passed` : '')
  );
}
