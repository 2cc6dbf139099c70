import { COPY_HEADER, COPY_TRAILER, CopyEncoder, timeInHalves } from '../clients/postgres/copyBinary.js';
import { familyColumns } from '../clients/postgres/families.js';
import type { Config } from '../domain/config/config.js';
import type { Row } from '../domain/event/decoder.js';
import type { Family } from '../domain/names.js';
import type { RowRange } from './rowClaims.js';

/** A few rows that never were in a spool, in the form in which a spooled batch gives its own. */
export class RowsInMemory {
  constructor(
    private readonly config: Config,
    private readonly entries: readonly { readonly clickId: bigint; readonly row: Row }[],
  ) {}

  clickId(row: number): bigint {
    return this.entries[row]?.clickId ?? -1n;
  }

  async *rows(
    family: Family,
    ranges: readonly RowRange[],
    onChunk?: (bytes: number) => Promise<void>,
  ): AsyncGenerator<Buffer> {
    const encoder = new CopyEncoder(familyColumns(this.config, family).map((column) => column.type));
    yield COPY_HEADER;
    for (const [from, to] of ranges)
      for (const { clickId, row } of this.entries.slice(from, to)) {
        const keys = {
          high: Number(clickId >> 32n),
          low: Number(BigInt.asIntN(32, clickId)),
          eventId: family === 'click_data' ? row.eventId : undefined,
          ...timeInHalves(Number(row.eventTimeUs)),
        };
        encoder.rowWithKeys(keys, row.families[family]);
      }
    const bytes = encoder.take();
    yield bytes;
    await onChunk?.(bytes.length);
    yield COPY_TRAILER;
  }
}
