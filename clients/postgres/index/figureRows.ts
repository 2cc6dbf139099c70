import type { FigureRow, Int64, Span } from '../../../domain/figure.js';
import type { Grain } from '../../../domain/names.js';
import { EPOCH_US_NUMBER } from '../copyBuffer.js';

/** What `FigureRows` reads, in this order. */
export const FIGURE_ROW_COLUMNS = `
  m.figure_id, m.version, m.deleted, m.window_start, m.url, m.country, m.click_count, m.bot_clicks, m.unique_users,
  m.unique_users_exact, m.timed_clicks, m.total_time_spent_ms, m.avg_time_spent_ms, m.median_time_spent_ms,
  m.p90_time_spent_ms`;
const COLUMNS = FIGURE_ROW_COLUMNS.split(',').length;

/** The signature and the flags; then the length of an extension. */
const HEADER = 15;
const TRAILER = -1;
const TWO_32 = 2 ** 32;
/** Below it, a number of 64 bits is one that JavaScript holds exactly. */
const SAFE_HIGH = 2 ** 21;
/** Windows whose text is remembered: a year of hours. */
const WINDOWS = 10_000;

class Row implements FigureRow {
  id: Span;
  version: Int64 = 0;
  deleted = false;
  windowStart: string | null = null;
  url: Span;
  country: Span;
  clickCount: Int64 = 0;
  botClicks: Int64 = 0;
  uniqueUsers: Int64 = 0;
  uniqueUsersExact = false;
  timedClicks: Int64 = 0;
  totalTimeSpentMs: Int64 = 0;
  avgTimeSpentMs: number | null = null;
  medianTimeSpentMs: number | null = null;
  p90TimeSpentMs: number | null = null;

  constructor(
    readonly grain: Grain,
    nothing: Span,
  ) {
    this.id = this.url = this.country = nothing;
  }
}

/** Figures of one grain out of the bytes of a binary COPY of `FIGURE_ROW_COLUMNS`, without an object for each. */
export class FigureRows {
  private bytes = Buffer.allocUnsafeSlow(256 * 1024);
  private view = new DataView(this.bytes.buffer);
  private at = 0;
  private end = 0;
  private begun = false;
  private readonly row: Row;
  private readonly windows = new Map<number, string>();

  constructor(grain: Grain) {
    this.row = new Row(grain, { bytes: this.bytes, from: 0, to: 0 });
  }

  /** The rows that are complete with this part of the COPY; each is good until the next, a copy of none is made. */
  *of(part: Buffer): Generator<FigureRow> {
    this.append(part);
    while (this.advance()) yield this.row;
  }

  private append(part: Buffer): void {
    const rest = this.end - this.at;
    if (rest + part.length > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (rest + part.length));
      this.bytes.copy(larger, 0, this.at, this.end);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    } else {
      this.bytes.copyWithin(0, this.at, this.end);
    }
    part.copy(this.bytes, rest);
    this.at = 0;
    this.end = rest + part.length;
  }

  private advance(): boolean {
    if (!this.begun && !this.skipHeader()) return false;
    if (this.end - this.at < 2 || this.view.getInt16(this.at) === TRAILER || !this.isComplete()) return false;
    this.at += 2;
    const { row } = this;
    row.id = this.span();
    row.version = this.int8();
    row.deleted = this.bool();
    row.windowStart = this.time();
    row.url = this.span();
    row.country = this.span();
    row.clickCount = this.int8();
    row.botClicks = this.int8();
    row.uniqueUsers = this.int8();
    row.uniqueUsersExact = this.bool();
    row.timedClicks = this.int8();
    row.totalTimeSpentMs = this.int8();
    row.avgTimeSpentMs = this.float8();
    row.medianTimeSpentMs = this.float8();
    row.p90TimeSpentMs = this.float8();
    return true;
  }

  private skipHeader(): boolean {
    if (this.end < HEADER + 4) return false;
    const header = HEADER + 4 + this.view.getInt32(HEADER);
    if (this.end < header) return false;
    this.at = header;
    this.begun = true;
    return true;
  }

  private isComplete(): boolean {
    const { view, end } = this;
    let at = this.at + 2;
    for (let i = 0; i < COLUMNS; i++) {
      if (end - at < 4) return false;
      at += 4 + Math.max(0, view.getInt32(at));
    }
    return at <= end;
  }

  private span(): Span {
    const from = this.at + 4;
    this.at = from + this.view.getInt32(this.at);
    return { bytes: this.bytes, from, to: this.at };
  }

  private bool(): boolean {
    this.at += 5;
    return this.bytes[this.at - 1] === 1;
  }

  private int8(): Int64 {
    const { view, at } = this;
    this.at = at + 12;
    const high = view.getInt32(at + 4);
    return high >= -SAFE_HIGH && high < SAFE_HIGH
      ? high * TWO_32 + view.getUint32(at + 8)
      : view.getBigInt64(at + 4);
  }

  private float8(): number | null {
    const { view, at } = this;
    if (view.getInt32(at) < 0) {
      this.at = at + 4;
      return null;
    }
    this.at = at + 12;
    return view.getFloat64(at + 4);
  }

  private time(): string | null {
    if (this.view.getInt32(this.at) < 0) {
      this.at += 4;
      return null;
    }
    const us = Number(this.int8());
    let text = this.windows.get(us);
    if (text === undefined) {
      if (this.windows.size === WINDOWS) this.windows.clear();
      text = new Date((us + EPOCH_US_NUMBER) / 1000).toISOString().replace(/\.\d+Z$/, 'Z');
      this.windows.set(us, text);
    }
    return text;
  }
}
