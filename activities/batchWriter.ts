import { CopyEncoder, type CopyType, type CopyValue } from '../clients/postgres/copyBinary.js';
import { dayOf, type Day } from '../clients/postgres/days.js';
import { familyColumns } from '../clients/postgres/families.js';
import { clickId } from '../clients/postgres/offsets.js';
import { BEFORE_RETENTION, isBelow, type Floor } from '../clients/postgres/retention/floor.js';
import type { Config } from '../domain/config/config.js';
import type { ClaimFilter } from '../domain/claimFilter.js';
import type { Decoder, KafkaRecord, Row } from '../domain/event/decoder.js';
import { FAMILIES, type Family } from '../domain/names.js';
import type { OffsetRange } from '../domain/stages.js';
import { RowClaims } from './rowClaims.js';
import { ROW_ENTRY, type SpoolFile, type SpoolWriter } from './spool.js';

/** A dead letter's columns in the order of the spool's `rejected` file. */
export const REJECTED_COLUMNS: readonly { readonly name: string; readonly type: CopyType }[] = [
  { name: 'partition', type: 'integer' },
  { name: 'record_offset', type: 'bigint' },
  { name: 'kafka_timestamp', type: 'timestamptz' },
  { name: 'event_id', type: 'uuid' },
  { name: 'reason', type: 'text' },
  { name: 'field', type: 'text' },
  { name: 'message', type: 'text' },
  { name: 'key', type: 'bytea' },
  { name: 'value', type: 'bytea' },
];

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

/** What one `write` to a file carries at least. */
const CHUNK = 256 * 1024;

/** Decodes records and writes them to the spool in PostgreSQL's binary COPY form. */
export class BatchWriter {
  readonly counts = { records: 0, rows: 0, rejected: 0, filtered: 0 };
  /** Filtered records per reason. */
  private readonly filteredBy: Record<string, number> = {};
  /** Raw bytes of keys and values. */
  bytes = 0;
  readonly days = new Set<Day>();
  private newDays = 0;
  private readonly encoders: Readonly<Record<Family, CopyEncoder>>;
  private readonly rejected = new CopyEncoder(REJECTED_COLUMNS.map((c) => c.type));
  private readonly ends: Record<Family, number> = { click_data: 0, geo_data: 0, user_agent_data: 0 };
  private readonly written: Record<Family, number> = { click_data: 0, geo_data: 0, user_agent_data: 0 };
  private readonly claims = new RowClaims();
  private entries: Buffer[] = [];
  private lastDay: { from: bigint; day: Day } | undefined;

  constructor(
    private readonly spool: SpoolWriter,
    private readonly decode: Decoder,
    config: Config,
    private readonly source: { readonly sourceId: number; readonly topic: string },
    private readonly limits: {
      readonly existing: ReadonlySet<Day>;
      readonly newDays: number;
      readonly floor: Floor;
    },
  ) {
    const encoder = (family: Family): CopyEncoder =>
      new CopyEncoder(familyColumns(config, family).map((c) => c.type));
    this.encoders = {
      click_data: encoder('click_data'),
      geo_data: encoder('geo_data'),
      user_agent_data: encoder('user_agent_data'),
    };
  }

  /** @returns false, and nothing is written, when the record would open more new days than a batch may */
  add(record: KafkaRecord): boolean {
    const decoded = this.decode(record, this.source);
    if (decoded.kind === 'row') {
      const { row } = decoded;
      if (isBelow(row.eventTimeUs, this.limits.floor)) this.filter(BEFORE_RETENTION);
      else if (this.admit(this.day(row.eventTimeUs))) this.addRow(record, row);
      else return false;
    } else if (decoded.kind === 'rejected') {
      this.rejected.row(deadLetterValues({ record, ...decoded }));
      this.counts.rejected++;
    } else this.filter(decoded.reason);
    this.counts.records++;
    this.bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
    return true;
  }

  /** Writes what has gathered, when it is worth a write; `all` at the end. */
  async flush(all = false): Promise<void> {
    for (const family of FAMILIES) {
      const encoder = this.encoders[family];
      if (encoder.length === 0 || (!all && encoder.length < CHUNK)) continue;
      const bytes = encoder.take();
      this.written[family] += bytes.length;
      await this.spool.write(family, bytes);
    }
    await this.put('rejected', this.rejected, all);
    if (this.entries.length > 0 && (all || this.entries.length * ROW_ENTRY >= CHUNK)) {
      await this.spool.write('rows', Buffer.concat(this.entries));
      this.entries = [];
    }
  }

  /** The batch is complete: claims its ids and makes it readable under its id. */
  async commit(batchId: string, ranges: readonly OffsetRange[], filter: ClaimFilter): Promise<void> {
    await this.flush(true);
    await this.spool.commit({
      batchId,
      sourceId: this.source.sourceId,
      ranges,
      days: [...this.days].sort(),
      ...this.claims.settle(filter),
      ...this.counts,
      filteredBy: this.filteredBy,
    });
  }

  private filter(reason: string): void {
    this.filteredBy[reason] = (this.filteredBy[reason] ?? 0) + 1;
    this.counts.filtered++;
  }

  private addRow(record: KafkaRecord, row: Row): void {
    const id = clickId(this.source.sourceId, record.partition, record.offset);
    const entry = Buffer.allocUnsafe(ROW_ENTRY);
    entry.writeBigInt64BE(id, 0);
    for (const [i, family] of FAMILIES.entries()) {
      const fixed = family === 'click_data' ? [id, row.eventId, row.eventTimeUs] : [id, row.eventTimeUs];
      const encoder = this.encoders[family];
      encoder.row([...fixed, ...row.families[family]]);
      this.ends[family] = this.written[family] + encoder.length;
      entry.writeBigInt64BE(BigInt(this.ends[family]), 8 + 8 * i);
    }
    this.entries.push(entry);
    this.claims.add(row.eventId, record.partition, row.eventTimeUs);
    this.counts.rows++;
  }

  private async put(file: SpoolFile, encoder: CopyEncoder, all: boolean): Promise<void> {
    if (encoder.length > 0 && (all || encoder.length >= CHUNK)) await this.spool.write(file, encoder.take());
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
  private day(timeUs: bigint): Day {
    const last = this.lastDay;
    if (last !== undefined && timeUs >= last.from && timeUs < last.from + 86_400_000_000n) return last.day;
    const day = dayOf(timeUs);
    const from = BigInt(Date.UTC(+day.slice(0, -4), +day.slice(-4, -2) - 1, +day.slice(-2))) * 1000n;
    this.lastDay = { from, day };
    return day;
  }
}
