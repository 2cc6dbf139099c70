import type { PlainColumn, PlainEvent } from '../../domain/event/plain/event.js';
import type { PlainTable } from '../../domain/event/plain/kernel.js';
import * as Kind from '../../domain/event/plain/kinds.js';
import { MADE, NONE } from '../../domain/event/plain/places.js';
import { Rejection } from '../../domain/event/rejection.js';
import { withoutPassword } from '../../domain/event/url.js';
import type { Family } from '../../domain/names.js';
import type { CopyEncoder, RowKeys } from './copyBinary.js';

/** Rows of one family, copied from the bytes of plain events. */
export class PlainRows {
  private readonly columns: readonly PlainColumn[];
  private readonly table: PlainTable;

  constructor(
    private readonly encoder: CopyEncoder,
    private readonly event: PlainEvent,
    family: Family,
  ) {
    this.columns = event.columns[family];
    this.table = event.kernel.tables[family];
    encoder.makeIn(this.table.stage);
  }

  /**
   * Appends the row of the event that was begun; the event's id is its own.
   * @returns false where only the decoder can judge: truncate then
   */
  add(keys: RowKeys): boolean {
    const { columns, encoder, table } = this;
    encoder.reserve(table.room);
    let column = table.begin(keys);
    while (column < columns.length) {
      if (!this.field(columns[column] as PlainColumn)) return false;
      encoder.reserve(table.room);
      column = table.resume(column + 1);
    }
    return true;
  }

  /** What the kernel does not copy. */
  private field(column: PlainColumn): boolean {
    const { event } = this;
    const slot = event.find(column.places, column.isUrl);
    if (slot >= 0) return this.found(column, slot);
    if (slot === MADE) return !column.isUrl && this.made(column, event.made);
    if (slot !== NONE || column.required) return false;
    this.encoder.none();
    return true;
  }

  private found(column: PlainColumn, slot: number): boolean {
    const { event } = this;
    if (event.scanner.kinds[slot] === Kind.OTHER) return false;
    const value = event.valueOf(slot);
    // The decoder takes passwords out, of some columns' texts more than of others'.
    if (typeof value === 'string' && withoutPassword(value) !== value) return false;
    return this.made(column, value);
  }

  /** A value as the decoder has it. */
  private made(column: PlainColumn, made: unknown): boolean {
    const value = column.convert(made);
    if (value instanceof Rejection) return false;
    this.encoder.field(column.type, value);
    return true;
  }
}
