import { open, readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { crc32c } from '../clients/kafka/crc32c.js';
import { COPY_HEADER, COPY_TRAILER } from '../clients/postgres/copyBinary.js';
import { SpoolLost } from '../domain/errors.js';
import { FAMILIES, type Family } from '../domain/names.js';
import { ROW_ENTRY, type Spool, type SpooledBatch, type SpoolFile } from './spool.js';

const CHUNK = 256 * 1024;

/** The rows of a spooled batch, as binary COPY streams of any range of them. */
export class SpoolReader {
  private constructor(
    private readonly spool: Spool,
    readonly batch: SpooledBatch,
    private readonly entries: Buffer,
  ) {}

  /** @throws SpoolLost */
  static async open(spool: Spool, batchId: string): Promise<SpoolReader> {
    const batch = await spool.find(batchId);
    const entries = await readFile(spool.path(batchId, 'rows')).catch((e: unknown) => {
      throw new SpoolLost(`batch ${batchId} vanished from the spool`, { cause: e });
    });
    if (crc32c(entries) !== batch.files.rows.crc)
      throw new SpoolLost(`batch ${batchId}: rows does not have its checksum`);
    return new SpoolReader(spool, batch, entries);
  }

  clickId(row: number): bigint {
    return this.entries.readBigInt64BE(row * ROW_ENTRY);
  }

  /** Rows `from` (inclusive) to `to` (exclusive) of a family. */
  rows(family: Family, from: number, to: number, onChunk?: () => Promise<void>): Readable {
    const end = (row: number): number =>
      row < 0 ? 0 : Number(this.entries.readBigInt64BE(row * ROW_ENTRY + 8 + 8 * FAMILIES.indexOf(family)));
    return this.stream(family, end(from - 1), end(to - 1), onChunk);
  }

  rejected(): Readable {
    return this.stream('rejected', 0, this.batch.files.rejected.bytes);
  }

  private stream(file: SpoolFile, from: number, to: number, onChunk?: () => Promise<void>): Readable {
    return Readable.from(this.chunks(file, from, to, onChunk), { objectMode: false });
  }

  /** A whole file is checked against its checksum before PostgreSQL is told that the COPY is complete. */
  private async *chunks(
    file: SpoolFile,
    from: number,
    to: number,
    onChunk?: () => Promise<void>,
  ): AsyncGenerator<Buffer> {
    const { batchId, files } = this.batch;
    const lost = (why: string, cause?: unknown): SpoolLost =>
      new SpoolLost(`batch ${batchId}: ${file} ${why}`, { cause });
    const handle = await open(this.spool.path(batchId, file)).catch((e: unknown) => {
      throw lost('vanished from the spool', e);
    });
    try {
      yield COPY_HEADER;
      let crc = 0;
      for (let at = from; at < to;) {
        const buffer = Buffer.allocUnsafe(Math.min(CHUNK, to - at));
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) throw lost('is cut off');
        const chunk = buffer.subarray(0, bytesRead);
        crc = crc32c(chunk, crc);
        at += bytesRead;
        yield chunk;
        await onChunk?.();
      }
      if (from === 0 && to === files[file].bytes && crc !== files[file].crc)
        throw lost('does not have its checksum');
      yield COPY_TRAILER;
    } finally {
      await handle.close();
    }
  }
}
