import { CODECS } from './codecs.js';
import { AT, ATTRIBUTE, LOG_OVERHEAD } from './recordBatch.js';

/** How many bytes the records of the largest batch of a set are, unpacked, as it says itself; a damaged one says nothing. */
export function largestBatch(set: Buffer): number {
  let largest = 0;
  for (let at = 0; at + AT.records <= set.length;) {
    const end = at + LOG_OVERHEAD + set.readInt32BE(at + AT.length);
    if (end > set.length || end < at + AT.records) break;
    largest = Math.max(largest, unpackedBytes(set.subarray(at, end)));
    at = end;
  }
  return largest;
}

function unpackedBytes(batch: Buffer): number {
  const codec = CODECS[batch.readInt16BE(AT.attributes) & ATTRIBUTE.codec];
  try {
    return codec?.size(batch.subarray(AT.records)) ?? 0;
  } catch {
    // Whoever unpacks it names the damage.
    return 0;
  }
}
