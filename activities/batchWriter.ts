import { CopyEncoder, type CopyValue } from '../clients/postgres/copyBinary.js';
import { dayOf, type Day } from '../clients/postgres/days.js';
import { familyColumns } from '../clients/postgres/families.js';
import { clickIdHigh, clickIdLow } from '../clients/postgres/offsets.js';
import { BEFORE_RETENTION, isBelow, type Floor } from '../clients/postgres/retention/floor.js';
import { REJECTED_COLUMNS } from '../clients/postgres/staging.js';
import type { Config } from '../domain/config/config.js';
import type { ClaimFilter } from '../domain/claimFilter.js';
import type { Decoder, KafkaRecord, Row } from '../domain/event/decoder.js';
import { FAMILIES, type Family } from '../domain/names.js';
import type { OffsetRange } from '../domain/stages.js';
import { RowClaims } from './rowClaims.js';
import { RowEntries } from './rowEntries.js';
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
  /** Bytes of each family that are in the spool, in the order of FAMILIES. */
  private readonly written = [0, 0, 0];
  private readonly claims = new RowClaims();
  private readonly entries = new RowEntries();
  private lastDay: { from: number; day: Day } | undefined;

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
    for (const [i, family] of FAMILIES.entries())
      this.written[i] = (this.written[i] ?? 0) + (await this.put(family, this.encoders[family], all));
    await this.put('rejected', this.rejected, all);
    await this.put('rows', this.entries, all);
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

  private addRow({ partition, offset }: KafkaRecord, { eventId, eventTimeUs, families }: Row): void {
    const number = Number(offset);
    const high = clickIdHigh(this.source.sourceId, partition, number);
    const low = clickIdLow(number);
    const timeUs = Number(eventTimeUs);
    const { click_data, geo_data, user_agent_data } = this.encoders;
    click_data.rowWithKeys({ high, low, eventId, timeUs }, families.click_data);
    const keys = { high, low, eventId: undefined, timeUs };
    geo_data.rowWithKeys(keys, families.geo_data);
    user_agent_data.rowWithKeys(keys, families.user_agent_data);
    const [clicks = 0, geo = 0, agents = 0] = this.written;
    this.entries.add(high, low, [
      clicks + click_data.length,
      geo + geo_data.length,
      agents + user_agent_data.length,
    ]);
    this.claims.add(eventId, partition, eventTimeUs);
    this.counts.rows++;
  }

  /** @returns how many bytes were written */
  private async put(file: SpoolFile, from: CopyEncoder | RowEntries, all: boolean): Promise<number> {
    const { length } = from;
    if (length === 0 || (!all && length < CHUNK)) return 0;
    await this.spool.write(file, from.take());
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
  private day(time: bigint): Day {
    const timeUs = Number(time);
    const last = this.lastDay;
    if (last !== undefined && timeUs >= last.from && timeUs < last.from + DAY_US) return last.day;
    const day = dayOf(time);
    this.lastDay = { from: Math.floor(timeUs / DAY_US) * DAY_US, day };
    return day;
  }
}
