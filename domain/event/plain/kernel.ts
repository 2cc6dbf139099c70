/** What of plain events is done in WebAssembly, as `clients/postgres/plainKernel.ts` opens it. */
import type { Family } from '../../names.js';
import type { PlainColumn } from './event.js';

/** What a kernel is made for. */
export interface PlainProgram {
  /** By slot: each the names of objects in objects. */
  readonly paths: readonly (readonly string[])[];
  /** Texts that are no value. */
  readonly nulls: readonly string[];
  readonly columns: Readonly<Record<Family, readonly PlainColumn[]>>;
}

export interface PlainKernel {
  /** All of its memory; it neither grows nor moves. */
  readonly memory: Uint8Array;
  /** The part of it for the bytes that are scanned and `PADDING` NULs behind them, for which there is room behind it. */
  readonly window: Uint8Array;
  /** By slot, of the last scan: the kind, and where in `memory` its bytes begin and end (a text's, without the quotes). */
  readonly kinds: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** 16 bytes, which rows that have it take. */
  readonly eventId: Uint8Array;
  readonly tables: Readonly<Record<Family, PlainTable>>;
  /** @returns whether the bytes are a plain event; if not, nothing is known of it */
  scan(from: number, to: number): boolean;
  /** @returns whether the bytes are a uuid: then it is the `eventId` */
  takeUuid(start: number, end: number): boolean;
  /**
   * µs since 1970 of the spelling that most producers use, `2026-01-31T12:00:00Z` with up to six digits of a fraction;
   * NaN for every other, which the general reader may still know
   */
  isoMicros(start: number, end: number): number;
}

/** Sixteen bytes are read at once: the NULs that a scan stops at, and as many that are read with them. */
export const PADDING = 32;

/** The click_id and the event_time of a row, as PostgreSQL counts it, in their halves of 32 bits. */
export interface PlainKeys {
  readonly high: number;
  readonly low: number;
  readonly timeHigh: number;
  readonly timeLow: number;
}

/** Makes rows of one family of the event that was scanned last, in its stage. */
export interface PlainTable {
  readonly stage: RowStage;
  /** Room that it needs in the stage each time. */
  readonly room: number;
  /**
   * Begins a row: click_id, perhaps the `eventId`, event_time; and goes on to its end or to a column whose field it
   * leaves to others.
   * @returns that column, or the count of columns
   */
  begin(keys: PlainKeys): number;
  /** Goes on with a column in the same way. */
  resume(column: number): number;
}

export type OpenPlainKernel = (program: PlainProgram) => PlainKernel;

/** Memory in which one of several owners makes rows, until it is full or another's turn. */
export class RowStage {
  /** Bytes of the owner's rows. */
  at = 0;
  owner: { drain(): void } | undefined;

  constructor(readonly bytes: Uint8Array) {}

  /** The owner before takes its rows away. */
  take(owner: { drain(): void }): void {
    this.owner?.drain();
    this.owner = owner;
    this.at = 0;
  }
}
