import type { FetchedRecord } from '../clients/kafka/client.js';
import type { ClaimFilter } from '../clients/postgres/claimFilter.js';
import {
  timeInHalves,
  type CopyEncoder,
  type CopyValue,
  type RowKeys,
} from '../clients/postgres/copyBinary.js';
import { PlainRows } from '../clients/postgres/copyPlain.js';
import { dayOf, type Day } from '../clients/postgres/days.js';
import { clickIdHigh, clickIdLow } from '../clients/postgres/offsets.js';
import { BEFORE_RETENTION, type Floor } from '../clients/postgres/retention/floor.js';
import type { Decoder, KafkaRecord, Row } from '../domain/event/decoder.js';
import type { PlainEvent } from '../domain/event/plain/event.js';
import { FAMILIES, type Family } from '../domain/names.js';
import type { OffsetRange } from '../domain/stages.js';
import type { BatchMemory } from './batchMemory.js';
import type { ClaimOrder } from './claimOrder.js';
import type { RowEntries } from './rowEntries.js';
import type { SpoolFile, SpoolWriter } from './spool.js';

export interface DeadLetter {
  readonly record: KafkaRecord;
  readonly reason: string;
  readonly field?: string | undefined;
  readonly message: string;
  readonly eventId?: Uint8Array | undefined;
}

/** PostgreSQL's times end in 294276; Kafka's timestamp is anything a producer wrote. */
const MAX_TIMESTAMP_MS = 9e15 / 1000;

export function deadLetterValues({ record, reason, field, message, eventId }: DeadLetter): CopyValue[] {
  const { partition, offset, timestampMs, key, value } = record;
  const dated = timestampMs >= 0 && timestampMs < MAX_TIMESTAMP_MS;
  return [
    partition,
    offset,
    dated ? BigInt(timestampMs) * 1000n : null,
    eventId ?? null,
    reason,
    field ?? null,
    message.replaceAll('\0', '\\0'),
    key,
    value,
  ];
}

const DAY_US = 86_400_000_000;

/** What one `write` to a file carries at least. */
const CHUNK = 256 * 1024;

export interface Claims {
  readonly claims: ClaimFilter;
  readonly claimOrder: ClaimOrder;
}

export interface Decoders {
  readonly decoder: Decoder;
  /** The decoder's short way; absent where the mapping has none. */
  readonly plain?: PlainEvent | undefined;
}

/** Decodes records and writes them to the spool in PostgreSQL's binary COPY form. */
export class BatchWriter {
  readonly counts = { records: 0, rows: 0, rejected: 0, filtered: 0 };
  /** Filtered records per reason. */
  private readonly filteredBy: Record<string, number> = {};
  /** Raw bytes of keys and values. */
  bytes = 0;
  readonly days = new Set<Day>();
  private newDays = 0;
  /** Bytes of each family that are in the spool, in the order of FAMILIES. */
  private readonly written = [0, 0, 0];
  private lastDay: { from: number; day: Day } | undefined;
  /** The floor, as a number of µs. */
  private readonly floor: number;
  /** Of the row in hand: used again for each. */
  private readonly keys = {
    high: 0,
    low: 0,
    eventId: undefined as Uint8Array | undefined,
    timeHigh: 0,
    timeLow: 0,
  };
  private readonly plainRows: Readonly<Record<Family, PlainRows>> | undefined;

  constructor(
    private readonly spool: SpoolWriter,
    private readonly decoders: Decoders,
    private readonly memory: BatchMemory,
    private readonly source: { readonly sourceId: number; readonly topic: string },
    private readonly limits: {
      readonly existing: ReadonlySet<Day>;
      readonly newDays: number;
      readonly floor: Floor;
    },
  ) {
    this.floor = limits.floor === undefined ? -Infinity : Number(limits.floor);
    const { plain } = decoders;
    const plainRows = (event: PlainEvent, family: Family): PlainRows =>
      new PlainRows(memory.encoders[family], event, family);
    this.plainRows = plain && {
      click_data: plainRows(plain, 'click_data'),
      geo_data: plainRows(plain, 'geo_data'),
      user_agent_data: plainRows(plain, 'user_agent_data'),
    };
  }

  /** @returns false, and nothing is written, when the record would open more new days than a batch may */
  add(record: FetchedRecord): boolean {
    const added = this.addPlain(record) ?? this.addDecoded(record);
    if (!added) return false;
    this.counts.records++;
    this.bytes += record.size;
    return true;
  }

  /** The short way. @returns undefined where only the decoder can judge the record */
  private addPlain(record: FetchedRecord): boolean | undefined {
    const { plain } = this.decoders;
    if (plain === undefined || this.plainRows === undefined || !plain.begin(record, this.source))
      return undefined;
    const { click_data, geo_data, user_agent_data } = this.plainRows;
    const { encoders } = this.memory;
    const clicks = encoders.click_data.length;
    const geo = encoders.geo_data.length;
    const agents = encoders.user_agent_data.length;
    const { eventId, eventTimeUs } = plain;
    this.setKeys(record, eventTimeUs);
    const made =
      click_data.add(this.keysWith(eventId)) &&
      geo_data.add(this.keysWith(undefined)) &&
      user_agent_data.add(this.keys);
    const stays = made && eventTimeUs >= this.floor && this.admit(this.day(eventTimeUs));
    if (!stays) {
      encoders.click_data.truncate(clicks);
      encoders.geo_data.truncate(geo);
      encoders.user_agent_data.truncate(agents);
      if (!made) return undefined;
      if (eventTimeUs >= this.floor) return false;
      this.filter(BEFORE_RETENTION);
      return true;
    }
    this.noteRow(record, eventId, eventTimeUs);
    return true;
  }

  private addDecoded(record: FetchedRecord): boolean {
    const decoded = this.decoders.decoder(record, this.source);
    if (decoded.kind === 'row') {
      const { row } = decoded;
      const timeUs = Number(row.eventTimeUs);
      if (timeUs < this.floor) this.filter(BEFORE_RETENTION);
      else if (this.admit(this.day(timeUs))) this.addRow(record, row, timeUs);
      else return false;
    } else if (decoded.kind === 'rejected') {
      this.memory.rejected.row(deadLetterValues({ record, ...decoded }));
      this.counts.rejected++;
    } else this.filter(decoded.reason);
    return true;
  }

  /** Writes what has gathered, when it is worth a write; `all` at the end. */
  async flush(all = false): Promise<void> {
    const { encoders, rejected, entries } = this.memory;
    for (const [i, family] of FAMILIES.entries())
      this.written[i] = (this.written[i] ?? 0) + (await this.put(family, encoders[family], all));
    await this.put('rejected', rejected, all);
    await this.put('rows', entries, all);
  }

  /** The batch is complete: claims its ids and makes it readable under its id. */
  async commit(batchId: string, ranges: readonly OffsetRange[], claims: Claims): Promise<void> {
    await this.flush(true);
    const claimed = this.memory.claims.settle(claims.claims);
    claims.claimOrder.claimed(batchId);
    await this.spool.commit({
      batchId,
      sourceId: this.source.sourceId,
      ranges,
      days: [...this.days].sort(),
      ...claimed,
      ...this.counts,
      filteredBy: this.filteredBy,
    });
  }

  private filter(reason: string): void {
    this.filteredBy[reason] = (this.filteredBy[reason] ?? 0) + 1;
    this.counts.filtered++;
  }

  private addRow(record: FetchedRecord, { eventId, families }: Row, timeUs: number): void {
    this.setKeys(record, timeUs);
    const { click_data, geo_data, user_agent_data } = this.memory.encoders;
    click_data.rowWithKeys(this.keysWith(eventId), families.click_data);
    geo_data.rowWithKeys(this.keysWith(undefined), families.geo_data);
    user_agent_data.rowWithKeys(this.keys, families.user_agent_data);
    this.noteRow(record, eventId, timeUs);
  }

  private setKeys({ partition, position }: FetchedRecord, timeUs: number): void {
    const { keys } = this;
    keys.high = clickIdHigh(this.source.sourceId, partition, position);
    keys.low = clickIdLow(position);
    ({ timeHigh: keys.timeHigh, timeLow: keys.timeLow } = timeInHalves(timeUs));
  }

  private keysWith(eventId: Uint8Array | undefined): RowKeys {
    this.keys.eventId = eventId;
    return this.keys;
  }

  /** A row has been appended to every family. */
  private noteRow({ partition }: FetchedRecord, eventId: Uint8Array, timeUs: number): void {
    const { encoders, entries, claims } = this.memory;
    const { click_data, geo_data, user_agent_data } = encoders;
    const [clicks = 0, geo = 0, agents = 0] = this.written;
    entries.add(
      this.keys.high,
      this.keys.low,
      clicks + click_data.length,
      geo + geo_data.length,
      agents + user_agent_data.length,
    );
    claims.add(eventId, partition, timeUs);
    this.counts.rows++;
  }

  /** @returns how many bytes were written */
  private async put(file: SpoolFile, from: CopyEncoder | RowEntries, all: boolean): Promise<number> {
    const { length } = from;
    if (length === 0 || (!all && length < CHUNK)) return 0;
    await this.spool.write(file, from.written);
    from.clear();
    return length;
  }

  private admit(day: Day): boolean {
    if (this.days.has(day)) return true;
    if (!this.limits.existing.has(day)) {
      if (this.newDays >= this.limits.newDays) return false;
      this.newDays++;
    }
    this.days.add(day);
    return true;
  }

  /** Most rows are of the day of the row before them. */
  private day(timeUs: number): Day {
    const last = this.lastDay;
    if (last !== undefined && timeUs >= last.from && timeUs < last.from + DAY_US) return last.day;
    const day = dayOf(BigInt(timeUs));
    this.lastDay = { from: Math.floor(timeUs / DAY_US) * DAY_US, day };
    return day;
  }
}
