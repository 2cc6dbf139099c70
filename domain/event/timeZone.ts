/** Zones of times that name none: UTC, an offset, or a name of the IANA database (Node brings it along). */
import { readOffset, SECONDS_A_DAY } from './civil.js';

export interface Zone {
  /**
   * Seconds since 1970 as a clock on the wall counts them → in UTC. Of an hour that comes twice when the clocks
   * go back, the first is taken; one that is left out when they go forward counts on from before, so that
   * 02:30 is 03:30: what ISO calendars and JavaScript's Temporal call `compatible`.
   */
  toUtc(local: number): number;
}

/** Undefined: no such zone. */
export function openZone(name: string): Zone | undefined {
  if (name === 'UTC') return { toUtc: (local) => local };
  const fixed = { offset: 0 };
  if (readOffset(name, 0, fixed) === name.length) return { toUtc: (local) => local - fixed.offset };
  if (!/^[A-Za-z]/.test(name)) return undefined;
  try {
    return new NamedZone(name);
  } catch {
    return undefined;
  }
}

/** A change of offset falls on a quarter of an hour, in every zone since 2000. */
const QUARTER = 900;
const CACHED = 4096;

class NamedZone implements Zone {
  private readonly format: Intl.DateTimeFormat;
  /** The offset in force all through a UTC day; NaN on the days when it changes. */
  private readonly days = new Map<number, number>();
  private readonly quarters = new Map<number, number>();

  constructor(timeZone: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  toUtc(local: number): number {
    const before = local - this.offset(local - SECONDS_A_DAY);
    if (this.offset(before) === local - before) return before;
    const after = local - this.offset(local + SECONDS_A_DAY);
    return this.offset(after) === local - after ? after : before;
  }

  /** Asking the database takes microseconds, so its answers are kept. */
  private offset(utc: number): number {
    const day = Math.floor(utc / SECONDS_A_DAY);
    const offset = cached(this.days, day, () => {
      const start = this.ask(day * SECONDS_A_DAY);
      return start === this.ask((day + 1) * SECONDS_A_DAY) ? start : NaN;
    });
    if (!Number.isNaN(offset)) return offset;
    const quarter = Math.floor(utc / QUARTER);
    return cached(this.quarters, quarter, () => this.ask(quarter * QUARTER));
  }

  private ask(utc: number): number {
    const parts: Record<string, number> = {};
    for (const { type, value } of this.format.formatToParts(utc * 1000)) parts[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
    // Not Date.UTC: it takes the years 0 to 99 for 1900 to 1999.
    const local = new Date(0);
    local.setUTCFullYear(year, month - 1, day);
    local.setUTCHours(hour, minute, second);
    return local.getTime() / 1000 - utc;
  }
}

function cached(known: Map<number, number>, key: number, make: () => number): number {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    if (known.size >= CACHED) known.clear();
    known.set(key, value);
  }
  return value;
}
