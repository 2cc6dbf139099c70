import { open, type FileHandle } from 'node:fs/promises';
import { crc32c } from '../clients/kafka/crc32c.js';
import { COPY_HEADER, COPY_TRAILER } from '../clients/postgres/copyBinary.js';
import { RowSorter } from '../clients/postgres/rowSorter.js';
import { SpoolLost } from '../domain/errors.js';
import type { Family } from '../domain/names.js';
import type { RowRange } from './rowClaims.js';
import { ROW_ENTRY } from './rowEntries.js';
import { SPOOL_FILES, type Spool, type SpooledBatch, type SpoolFile } from './spool.js';

const CHUNK = 256 * 1024;
/** Of chunks that no COPY uses: two for each of four batches under way. */
const MAX_SPARE = 8;
/** Of sorters that no COPY uses. */
const MAX_SORTERS = 2;
/** Entries of an unusual batch get memory of their own, bytes. */
const MAX_ENTRIES = 4 * 1024 * 1024;
/** Of rows that are sorted at once, bytes: what more brings is small (docs/design.md), and each lane has one. */
const SORTED = 8 * 1024 * 1024;

/** Memory that one reader after another uses. */
export class ReadMemory {
  private readonly chunks: Buffer[] = [];
  private readonly entries: Buffer[] = [];
  private readonly sorters: RowSorter[] = [];

  chunk(): Buffer {
    return this.chunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
  }

  giveChunks(...chunks: readonly Buffer[]): void {
    if (this.chunks.length < MAX_SPARE) this.chunks.push(...chunks);
  }

  /** @param bytes that it is to hold at least */
  entriesOf(bytes: number): Buffer {
    const known = this.entries.pop();
    return known !== undefined && known.length >= bytes ? known : Buffer.allocUnsafeSlow(bytes);
  }

  giveEntries(entries: Buffer): void {
    if (entries.length <= MAX_ENTRIES && this.entries.length < MAX_SPARE) this.entries.push(entries);
  }

  sorter(): RowSorter {
    return this.sorters.pop() ?? new RowSorter(SORTED);
  }

  giveSorter(sorter: RowSorter): void {
    if (this.sorters.length < MAX_SORTERS) this.sorters.push(sorter);
  }
}

const TWO_32 = 2 ** 32;
/** Where an entry says where its row ends in a family's file. */
const END_AT: Readonly<Record<Family, number>> = { click_data: 8, geo_data: 16, user_agent_data: 24 };

type ByteRange = readonly [from: number, to: number];

/** The rows of a spooled batch, as binary COPY streams of any ranges of them. */
export class SpoolReader {
  /** Files that this process wrote, or that were read in full and have their checksum. */
  private readonly sound: Set<SpoolFile>;

  private constructor(
    private readonly spool: Spool,
    readonly batch: SpooledBatch,
    private readonly memory: ReadMemory,
    private readonly entries: Buffer,
  ) {
    this.sound = new Set(spool.isOwn(batch.batchId) ? SPOOL_FILES : []);
  }

  /** To be closed when nobody reads from it any more; one that is not costs memory, no more. @throws SpoolLost */
  static async open(spool: Spool, batchId: string, memory: ReadMemory): Promise<SpoolReader> {
    const batch = await spool.find(batchId);
    const { bytes, crc } = batch.files.rows;
    const entries = memory.entriesOf(bytes);
    const reader = new SpoolReader(spool, batch, memory, entries);
    const handle = await reader.openFile('rows');
    try {
      await reader.readFully(handle, 'rows', 0, entries.subarray(0, bytes));
    } finally {
      await handle.close();
    }
    if (!reader.sound.has('rows') && crc32c(entries.subarray(0, bytes)) !== crc)
      throw reader.lost('rows', 'does not have its checksum');
    return reader;
  }

  close(): void {
    this.memory.giveEntries(this.entries);
  }

  clickId(row: number): bigint {
    return this.entries.readBigInt64BE(row * ROW_ENTRY);
  }

  /** The family's rows in these ranges, ascending; `onChunk` is told the bytes handed over. */
  rows(
    family: Family,
    ranges: readonly RowRange[],
    onChunk?: (bytes: number) => Promise<void>,
  ): AsyncIterable<Uint8Array> {
    return this.chunks(
      family,
      ranges.map(([from, to]) => [this.endOf(family, from - 1), this.endOf(family, to - 1)]),
      onChunk,
    );
  }

  /**
   * The clicks in these ranges, windows of them in the order of their event ids, in which PostgreSQL's index takes them
   * quicker; as they are where one is too long for that.
   */
  sortedClicks(
    ranges: readonly RowRange[],
    onChunk?: (bytes: number) => Promise<void>,
  ): AsyncIterable<Uint8Array> {
    let longest = 0;
    for (let row = 0, from = 0; row < this.batch.rows; row++) {
      const to = this.endOf('click_data', row);
      longest = Math.max(longest, to - from);
      from = to;
    }
    return longest > RowSorter.maxRow
      ? this.rows('click_data', ranges, onChunk)
      : this.sortedChunks(ranges, onChunk);
  }

  /** Where a row ends in the file of its family, in bytes. @param row -1: where the first begins */
  endOf(family: Family, row: number): number {
    if (row < 0) return 0;
    const at = row * ROW_ENTRY + END_AT[family];
    return this.entries.readUInt32BE(at) * TWO_32 + this.entries.readUInt32BE(at + 4);
  }

  rejected(): AsyncIterable<Uint8Array> {
    return this.chunks('rejected', [[0, this.batch.files.rejected.bytes]]);
  }

  /**
   * A file of another process is read in full the first time, whatever of it is wanted, and checked against its
   * checksum before PostgreSQL is told that the COPY is complete. Two buffers take turns: see CopyIn.
   */
  private async *chunks(
    file: SpoolFile,
    ranges: readonly ByteRange[],
    onChunk?: (bytes: number) => Promise<void>,
  ): AsyncGenerator<Buffer> {
    const { files } = this.batch;
    const handle = await this.openFile(file);
    let [buffer, other] = [this.memory.chunk(), this.memory.chunk()];
    try {
      yield COPY_HEADER;
      const whole = !this.sound.has(file);
      const end = whole ? files[file].bytes : (ranges.at(-1)?.[1] ?? 0);
      let crc = 0;
      let next = 0;
      for (let at = whole ? 0 : (ranges[0]?.[0] ?? 0); at < end;) {
        const chunk = await this.read(handle, file, at, buffer.subarray(0, end - at));
        if (whole) crc = crc32c(chunk, crc);
        const kept = keep(chunk, at, ranges, next);
        next = kept.next;
        at += chunk.length;
        if (!whole) at = Math.max(at, ranges[next]?.[0] ?? end);
        if (kept.length === 0) continue;
        yield chunk.subarray(0, kept.length);
        [buffer, other] = [other, buffer];
        await onChunk?.(kept.length);
      }
      if (whole && crc !== files[file].crc) throw this.lost(file, 'does not have its checksum');
      this.sound.add(file);
      yield COPY_TRAILER;
      // Whoever asks for more than the trailer has sent all; of a COPY that broke off, a chunk may be on its way still.
      this.memory.giveChunks(buffer, other);
    } finally {
      await handle.close();
    }
  }

  /** As `chunks`, of rows that fit the sorter. */
  private async *sortedChunks(
    ranges: readonly RowRange[],
    onChunk?: (bytes: number) => Promise<void>,
  ): AsyncGenerator<Buffer> {
    const file = 'click_data';
    const { files, rows } = this.batch;
    const sorter = this.memory.sorter();
    const handle = await this.openFile(file);
    try {
      yield COPY_HEADER;
      const whole = !this.sound.has(file);
      let crc = 0;
      let range = 0;
      for (let row = 0, from = 0; row < rows;) {
        let to = from;
        let wanted = false;
        for (; row < rows && !sorter.full; row++) {
          const end = this.endOf(file, row);
          if (end - from > sorter.window.length) break;
          if (row >= (ranges[range]?.[1] ?? rows)) range++;
          if (row >= (ranges[range]?.[0] ?? rows)) {
            sorter.add(to - from, end - from);
            wanted = true;
          }
          to = end;
        }
        if (whole || wanted) {
          const bytes = await this.readFully(handle, file, from, sorter.window.subarray(0, to - from));
          if (whole) crc = crc32c(bytes, crc);
        }
        from = to;
        for (const chunk of sorter.sorted()) {
          yield chunk;
          await onChunk?.(chunk.length);
        }
      }
      if (whole && crc !== files[file].crc) throw this.lost(file, 'does not have its checksum');
      this.sound.add(file);
      yield COPY_TRAILER;
      this.memory.giveSorter(sorter);
    } finally {
      await handle.close();
    }
  }

  private async openFile(file: SpoolFile): Promise<FileHandle> {
    return open(this.spool.path(this.batch.batchId, file)).catch((e: unknown) => {
      throw this.lost(file, 'vanished from the spool', e);
    });
  }

  private async read(handle: FileHandle, file: SpoolFile, at: number, buffer: Buffer): Promise<Buffer> {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) throw this.lost(file, 'is cut off');
    return buffer.subarray(0, bytesRead);
  }

  private async readFully(handle: FileHandle, file: SpoolFile, at: number, buffer: Buffer): Promise<Buffer> {
    for (let read = 0; read < buffer.length;)
      read += (await this.read(handle, file, at + read, buffer.subarray(read))).length;
    return buffer;
  }

  private lost(file: SpoolFile, why: string, cause?: unknown): SpoolLost {
    return new SpoolLost(`batch ${this.batch.batchId}: ${file} ${why}`, { cause });
  }
}

/**
 * Moves the wanted bytes of a chunk that begins at `at` to its front.
 * @param next the first range that may end in the chunk; the answer's is for the chunk after it
 */
function keep(
  chunk: Buffer,
  at: number,
  ranges: readonly ByteRange[],
  next: number,
): { readonly length: number; readonly next: number } {
  let length = 0;
  for (let i = next; i < ranges.length; i++) {
    const [from = 0, to = 0] = ranges[i] ?? [];
    if (from >= at + chunk.length) return { length, next: i };
    const start = Math.max(from - at, 0);
    const stop = Math.min(to - at, chunk.length);
    if (stop > start) {
      if (start !== length) chunk.copyWithin(length, start, stop);
      length += stop - start;
    }
    if (to > at + chunk.length) return { length, next: i };
  }
  return { length, next: ranges.length };
}
