import { dayOf } from '../../clients/postgres/days.js';
import type { WantedClick, WantedLetter } from '../../clients/postgres/foresee/seen.js';
import { BEFORE_RETENTION, isBelow, type Floor } from '../../clients/postgres/retention/floor.js';
import type { Decoded, Decoder, KafkaRecord, Row } from '../../domain/event/decoder.js';

/** What would become of a record. */
export type Fate =
  | { readonly kind: 'click'; readonly row: Row }
  | {
      readonly kind: 'duplicate';
      /** Of what: a click or a dead letter that is there already, or an earlier record of the sample. */
      readonly of: 'click' | 'dead letter' | 'sample';
      readonly eventId: Uint8Array | undefined;
    }
  | Extract<Decoded, { readonly kind: 'rejected' }>
  /** The reason may name its place: `event.where[1]`. */
  | { readonly kind: 'filtered'; readonly reason: string };

/** What PostgreSQL has already; it is only asked. */
export interface Stored {
  readonly floor: Floor;
  seenClicks(wanted: readonly WantedClick[]): Promise<ReadonlySet<number>>;
  seenDeadLetters(wanted: readonly WantedLetter[]): Promise<ReadonlySet<number>>;
}

/** Says what ingestion would make of records, by its own decoder and its rules for duplicates, and writes nothing. */
export class Foresight {
  private readonly clicks = new Set<string>();
  private readonly letters = new Set<string>();

  /** @param stored undefined: nothing is compared with PostgreSQL */
  constructor(
    private readonly decode: Decoder,
    private readonly stored: Stored | undefined,
  ) {}

  /** In the order of `records`, all of one source. Of equal ids the lowest partition and offset stays, as in a batch. */
  async judge(
    records: readonly KafkaRecord[],
    source: { readonly sourceId: number; readonly topic: string },
  ): Promise<Fate[]> {
    const fates = records.map((record) => this.decoded(record, source));
    const order = records.map((_, i) => i).sort((a, b) => compare(records[a], records[b]));
    await this.judgeClicks(fates, order);
    await this.judgeLetters(records, fates, order);
    return fates;
  }

  private decoded(record: KafkaRecord, source: { sourceId: number; topic: string }): Fate {
    const decoded = this.decode(record, source);
    if (decoded.kind === 'rejected') return decoded;
    if (decoded.kind === 'filtered') return { kind: 'filtered', reason: decoded.condition };
    const { row } = decoded;
    return isBelow(row.eventTimeUs, this.stored?.floor)
      ? { kind: 'filtered', reason: BEFORE_RETENTION }
      : { kind: 'click', row };
  }

  private async judgeClicks(fates: Fate[], order: readonly number[]): Promise<void> {
    const found = order.flatMap((i) => {
      const fate = fates[i];
      return fate?.kind === 'click' ? [{ i, eventId: fate.row.eventId, timeUs: fate.row.eventTimeUs }] : [];
    });
    const seen = (await this.stored?.seenClicks(found)) ?? NONE;
    for (const [n, { i, eventId, timeUs }] of found.entries()) {
      const key = `${dayOf(timeUs)} ${hex(eventId)}`;
      if (seen.has(n)) fates[i] = { kind: 'duplicate', of: 'click', eventId };
      else if (this.clicks.has(key)) fates[i] = { kind: 'duplicate', of: 'sample', eventId };
      this.clicks.add(key);
    }
  }

  private async judgeLetters(
    records: readonly KafkaRecord[],
    fates: Fate[],
    order: readonly number[],
  ): Promise<void> {
    const found = order.flatMap((i) => {
      const [fate, record] = [fates[i], records[i]];
      if (fate?.kind !== 'rejected' || record === undefined) return [];
      return [{ i, partition: record.partition, offset: record.offset, eventId: fate.eventId }];
    });
    const seen = (await this.stored?.seenDeadLetters(found)) ?? NONE;
    for (const [n, { i, eventId }] of found.entries()) {
      if (seen.has(n)) fates[i] = { kind: 'duplicate', of: 'dead letter', eventId };
      if (eventId === undefined) continue;
      const key = hex(eventId);
      if (!seen.has(n) && this.letters.has(key)) fates[i] = { kind: 'duplicate', of: 'sample', eventId };
      this.letters.add(key);
    }
  }
}

const NONE: ReadonlySet<number> = new Set();

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const compare = (a: KafkaRecord | undefined, b: KafkaRecord | undefined): number =>
  (a?.partition ?? 0) - (b?.partition ?? 0) || Number((a?.offset ?? 0n) - (b?.offset ?? 0n));
