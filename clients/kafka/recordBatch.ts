import { UnreadableBatch } from '../../domain/errors.js';
import type { FetchedRecord, Passed } from './client.js';
import { CODECS } from './codecs.js';
import { crc32c } from './crc32c.js';

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** Where the fields of a magic-2 record batch stand; the checksum covers everything after itself. */
export const AT = {
  baseOffset: 0,
  length: 8,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  count: 57,
  records: 61,
} as const;
export const LOG_OVERHEAD = 12;
export const ATTRIBUTE = { codec: 7, logAppendTime: 8, transactional: 16, control: 32 } as const;
/** A batch that unpacks to more is taken for a bomb: a producer fills 16 KB to a few MB, one record included. */
const MAX_UNPACKED = 256 * 1024 * 1024;

/**
 * Walks the record set of one partition from offset `from` on: its committed records in order, and after each
 * batch the offset that follows it (base + lastOffsetDelta + 1: compaction and control batches leave gaps, so
 * neither the last record nor a count tells it). A batch cut off at the end of the set is left out.
 * @throws UnreadableBatch: an unknown codec or magic, a wrong checksum, a record that ends outside its batch
 */
export const walkRecordSet = (
  set: Buffer,
  partition: number,
  from: bigint,
  aborted: readonly AbortedTransaction[],
): IterableIterator<FetchedRecord | Passed> => new Walk(set, partition, from, aborted);

/** No generator and no list of records: this is run for every record, and what is made for one dies young. */
class Walk implements IterableIterator<FetchedRecord | Passed> {
  private readonly pending: AbortedTransaction[];
  private readonly abortedProducers = new Set<bigint>();
  /** Where the next batch begins in the set. */
  private at = 0;
  /** Of the batch in hand: its first offset, its records where somebody wants any, and the offset that follows it. */
  private base = 0n;
  private records: Records | undefined;
  private end = 0n;

  constructor(
    private readonly set: Buffer,
    private readonly partition: number,
    private readonly from: bigint,
    aborted: readonly AbortedTransaction[],
  ) {
    this.pending = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<FetchedRecord | Passed> {
    for (;;) {
      if (this.records !== undefined) {
        const record = this.records.next();
        if (record !== undefined) return { done: false, value: record };
        this.records = undefined;
        return { done: false, value: { next: this.end } };
      }
      const batch = this.nextBatch();
      if (batch === undefined) return { done: true, value: undefined };
      this.open(batch);
      if (this.records === undefined && this.end > this.from)
        return { done: false, value: { next: this.end } };
    }
  }

  private nextBatch(): Buffer | undefined {
    const { set, at } = this;
    if (at + LOG_OVERHEAD > set.length) return undefined;
    const end = at + LOG_OVERHEAD + set.readInt32BE(at + AT.length);
    if (end > set.length) return undefined;
    this.at = end;
    this.base = set.readBigInt64BE(at + AT.baseOffset);
    return set.subarray(at, end);
  }

  private open(batch: Buffer): void {
    const { pending, abortedProducers, from, base } = this;
    const where = `partition ${this.partition}, record batch at offset ${base}`;
    checkBatch(batch, where);
    const end = base + BigInt(batch.readInt32BE(AT.lastOffsetDelta)) + 1n;
    this.end = end;
    const attributes = batch.readInt16BE(AT.attributes);
    const producerId = batch.readBigInt64BE(AT.producerId);
    for (let first = pending[0]; first !== undefined && first.firstOffset < end; first = pending[0]) {
      abortedProducers.add(first.producerId);
      pending.shift();
    }
    // A transaction of this producer ended; whether it committed matters no longer to what follows.
    if (attributes & ATTRIBUTE.control) abortedProducers.delete(producerId);
    else if (!(attributes & ATTRIBUTE.transactional && abortedProducers.has(producerId)) && end > from)
      this.records = new Records(batch, attributes, base, this.partition, from, where);
  }
}

function checkBatch(batch: Buffer, where: string): void {
  if (batch.length < AT.records)
    throw new UnreadableBatch(`${where}: ${batch.length} bytes, shorter than a batch's header`);
  const magic = batch.readInt8(AT.magic);
  if (magic !== 2)
    throw new UnreadableBatch(`${where}: record format ${magic}; only 2 (Kafka 0.11 and later) can be read`);
  if (crc32c(batch.subarray(AT.attributes)) !== batch.readUInt32BE(AT.crc))
    throw new UnreadableBatch(`${where}: its checksum is wrong, the log is damaged`);
  // Its reader would go back instead of on, for ever.
  if (batch.readInt32BE(AT.lastOffsetDelta) < 0)
    throw new UnreadableBatch(`${where}: it ends before it begins`);
}

function unpack(batch: Buffer, attributes: number, where: string): Buffer {
  const number = attributes & ATTRIBUTE.codec;
  const codec = CODECS[number];
  if (codec === undefined)
    throw new UnreadableBatch(
      `${where}: compressed with codec ${number}; expected one of ${CODECS.map(({ name }, i) => `${i} (${name})`).join(', ')}`,
    );
  try {
    return codec.unpack(batch.subarray(AT.records), MAX_UNPACKED);
  } catch (e) {
    const why = e instanceof Error ? e.message : String(e);
    throw new UnreadableBatch(`${where}: its ${codec.name} data cannot be unpacked: ${why}`, { cause: e });
  }
}

/** The records of one batch, one after the other. */
class Records {
  private readonly body: Reader;
  private readonly firstTimestamp: number;
  /** Of all records, where the broker sets it. */
  private readonly appendedAt: number | undefined;
  private readonly count: number;
  private readonly first: number;
  /** A fetch returns whole batches: what lies below the wanted offset was read before. */
  private readonly firstWanted: number;
  private taken = 0;

  constructor(
    batch: Buffer,
    attributes: number,
    base: bigint,
    private readonly partition: number,
    from: bigint,
    private readonly where: string,
  ) {
    this.body = new Reader(unpack(batch, attributes, where), where);
    this.firstTimestamp = Number(batch.readBigInt64BE(AT.firstTimestamp));
    if (attributes & ATTRIBUTE.logAppendTime) this.appendedAt = Number(batch.readBigInt64BE(AT.maxTimestamp));
    this.count = batch.readInt32BE(AT.count);
    this.first = Number(base);
    this.firstWanted = Number(from - base);
  }

  next(): FetchedRecord | undefined {
    const { body, firstTimestamp } = this;
    while (this.taken < this.count) {
      this.taken++;
      const end = body.varint() + body.at;
      body.at += 1; // record attributes, unused
      const timestampDelta = body.varint();
      const offsetDelta = body.varint();
      const keyFrom = body.bytes();
      const keyTo = body.at;
      const valueFrom = body.bytes();
      const valueTo = body.at;
      body.seek(end); // headers are not used
      if (offsetDelta < this.firstWanted) continue;
      const created = firstTimestamp < 0 ? -1 : firstTimestamp + timestampDelta;
      const timestampMs = this.appendedAt ?? created;
      const position = this.first + offsetDelta;
      return new BatchRecord(
        this.partition,
        position,
        timestampMs,
        body.buffer,
        keyFrom,
        keyTo,
        valueFrom,
        valueTo,
      );
    }
    if (!body.ended)
      throw new UnreadableBatch(`${this.where}: more follows the ${this.count} records that it announces`);
    return undefined;
  }
}

/** A record in the bytes of its batch: key and value are cut out only for those who ask for them. */
class BatchRecord implements FetchedRecord {
  constructor(
    readonly partition: number,
    readonly position: number,
    readonly timestampMs: number,
    readonly bytes: Buffer,
    private readonly keyFrom: number,
    private readonly keyTo: number,
    readonly valueFrom: number,
    readonly valueTo: number,
  ) {}

  get offset(): bigint {
    return BigInt(this.position);
  }

  get key(): Uint8Array | null {
    return this.cut(this.keyFrom, this.keyTo);
  }

  get value(): Uint8Array | null {
    return this.cut(this.valueFrom, this.valueTo);
  }

  get size(): number {
    const { keyFrom, keyTo, valueFrom, valueTo } = this;
    return (keyFrom < 0 ? 0 : keyTo - keyFrom) + (valueFrom < 0 ? 0 : valueTo - valueFrom);
  }

  private cut(from: number, to: number): Uint8Array | null {
    const { buffer, byteOffset } = this.bytes;
    return from < 0 ? null : new Uint8Array(buffer, byteOffset + from, to - from);
  }
}

/** Reads one record after another; whatever points outside the batch is damage. */
class Reader {
  at = 0;
  constructor(
    readonly buffer: Buffer,
    private readonly where: string,
  ) {}

  /** Zigzag, at most ten bytes; beyond 32 bits by multiplication, as timestamps may be. */
  varint(): number {
    const first = this.buffer[this.at];
    if (first !== undefined && first < 128) {
      this.at++;
      return (first >>> 1) ^ -(first & 1);
    }
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.buffer[this.at++];
      if (byte === undefined) throw this.damaged();
      value += (byte & 127) * scale;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    throw this.damaged();
  }

  /** Passes length-prefixed bytes. @returns where they begin; -1 for null, of length -1 */
  bytes(): number {
    const length = this.varint();
    if (length < 0) return -1;
    const start = this.at;
    this.seek(start + length);
    return start;
  }

  get ended(): boolean {
    return this.at === this.buffer.length;
  }

  seek(to: number): void {
    if (to < this.at || to > this.buffer.length) throw this.damaged();
    this.at = to;
  }

  private damaged(): UnreadableBatch {
    return new UnreadableBatch(`${this.where}: a record ends outside its batch`);
  }
}
