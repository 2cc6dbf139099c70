import { connectForFetches, dropEmptyRests, fetchRequest, READ_COMMITTED, type Broker } from './internals.js';
import type { AbortedTransaction } from './recordBatch.js';

export interface RawPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly lastStableOffset: bigint;
  readonly aborted: readonly AbortedTransaction[];
  /** Whole record batches, the last one possibly cut off. */
  readonly recordSet: Buffer;
}

export interface RawFetch {
  readonly topic: string;
  readonly from: readonly { readonly partition: number; readonly offset: bigint }[];
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

/** One Fetch to one leader. The record sets are slices of the response: kafkajs makes no object per record. */
export async function fetchRaw(broker: Broker, wanted: RawFetch): Promise<readonly RawPartition[]> {
  const request = fetchRequest(broker, {
    replicaId: -1,
    isolationLevel: READ_COMMITTED,
    maxWaitTime: wanted.maxWaitMs,
    minBytes: 1,
    maxBytes: wanted.maxBytes,
    topics: [
      {
        topic: wanted.topic,
        partitions: wanted.from.map(({ partition, offset }) => ({
          partition,
          fetchOffset: offset.toString(),
          maxBytes: wanted.maxBytes,
        })),
      },
    ],
    rackId: '',
  });
  if (request.apiVersion !== 11)
    throw new Error(
      `Fetch version 11 is needed (Kafka 2.3 and later), the broker offers ${request.apiVersion}`,
    );
  await connectForFetches(broker);
  dropEmptyRests(broker);
  const { partitions } = await broker.connectionPool.send({
    request,
    response: {
      decode: (raw: Buffer) => Promise.resolve({ partitions: decode(raw), clientSideThrottleTime: 0 }),
      parse: (decoded: { partitions: readonly RawPartition[] }) => Promise.resolve(decoded),
    },
  });
  // The rest lies in the memory of this response, which may be large.
  dropEmptyRests(broker);
  return partitions;
}

/** Fetch response version 11. */
function decode(raw: Buffer): RawPartition[] {
  let at = 0;
  const int16 = (): number => raw.readInt16BE((at += 2) - 2);
  const int32 = (): number => raw.readInt32BE((at += 4) - 4);
  const int64 = (): bigint => raw.readBigInt64BE((at += 8) - 8);
  const partitions: RawPartition[] = [];
  int32(); // throttle time
  const requestError = int16();
  if (requestError !== 0) throw new Error(`Kafka refused the fetch with error code ${requestError}`);
  int32(); // fetch session
  for (let topics = int32(); topics > 0; topics--) {
    const nameLength = int16();
    at += nameLength;
    for (let count = int32(); count > 0; count--) {
      const partition = int32();
      const errorCode = int16();
      int64(); // high watermark
      const lastStableOffset = int64();
      int64(); // log start
      const aborted: AbortedTransaction[] = [];
      for (let n = int32(); n > 0; n--) aborted.push({ producerId: int64(), firstOffset: int64() });
      int32(); // preferred replica
      const length = Math.max(0, int32());
      partitions.push({
        partition,
        errorCode,
        lastStableOffset,
        aborted,
        recordSet: raw.subarray(at, at + length),
      });
      at += length;
    }
  }
  return partitions;
}
