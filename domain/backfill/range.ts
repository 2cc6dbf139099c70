/** Which days a backfill computes, as its caller said it. A day is a UTC day, `2026-01-05`. */
import { DATE_OR_TIME, isoInstant } from '../time.js';

/** `from` inclusive, `to` exclusive; absent: from the floor of retention, to the newest day. */
export interface DayRange {
  readonly from?: string;
  readonly to?: string;
}

const DAY_MS = 86_400_000;
const LAST_DAY = '9999-12-31';

export const dayText = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
export const dayMs = (day: string): number => Date.parse(`${day}T00:00:00Z`);
export const dayAfter = (day: string): string => (day < LAST_DAY ? dayText(dayMs(day) + DAY_MS) : LAST_DAY);
export const daysBetween = (from: string, to: string): number => (dayMs(to) - dayMs(from)) / DAY_MS;

/**
 * Whole days around what was asked for: `from` down to the begin of its day, `to` up to the end of its day.
 * @param said how the caller names the two, such as `--from`, for messages
 * @returns what is wrong with them, or the days and whether they are more than was asked for
 */
export function wholeDays(
  range: { readonly from?: unknown; readonly to?: unknown },
  said: { readonly from: string; readonly to: string },
): { readonly problem: string } | { readonly days: DayRange; readonly rounded: boolean } {
  const from = instantOf(range.from);
  const to = instantOf(range.to);
  if (Number.isNaN(from)) return { problem: notADate(said.from, range.from) };
  if (Number.isNaN(to)) return { problem: notADate(said.to, range.to) };
  if (from !== undefined && to !== undefined && from >= to)
    return {
      problem:
        `${said.to}: expected a time after ${said.from} (${String(range.from)}), got ${String(range.to)}; ` +
        `${said.from} is inclusive, ${said.to} exclusive`,
    };
  const first = from === undefined ? undefined : dayText(from);
  const end = to === undefined ? undefined : dayOrNext(to);
  return {
    days: { ...(first !== undefined && { from: first }), ...(end !== undefined && { to: end }) },
    rounded: (first !== undefined && dayMs(first) !== from) || (end !== undefined && dayMs(end) !== to),
  };
}

/** NaN: it is no date. */
const instantOf = (value: unknown): number | undefined =>
  value === undefined || value === null
    ? undefined
    : ((typeof value === 'string' ? isoInstant(value) : undefined) ?? NaN);

const notADate = (said: string, value: unknown): string =>
  `${said}: expected ${DATE_OR_TIME}, got ${JSON.stringify(value)}`;

function dayOrNext(ms: number): string {
  const day = dayText(ms);
  return dayMs(day) === ms ? day : dayAfter(day);
}

/** `all`, `2026-01-01-2026-02-01`, `from-2026-01-01`, `to-2026-02-01`: a part of an id. */
export function rangeId({ from, to }: DayRange): string {
  if (from !== undefined && to !== undefined) return `${from}-${to}`;
  if (from !== undefined) return `from-${from}`;
  return to === undefined ? 'all' : `to-${to}`;
}

/** In a sentence: `2026-01-01 to 2026-01-31`, the last day included. */
export function rangeText({ from, to }: DayRange): string {
  const last = to === undefined ? undefined : dayText(dayMs(to) - DAY_MS);
  if (from !== undefined && last !== undefined) return from === last ? from : `${from} to ${last}`;
  if (from !== undefined) return `${from} and later`;
  return last === undefined ? 'all days above the floor' : `days up to ${last}`;
}

/** Days that follow each other; `to` exclusive. */
export interface DaySpan {
  readonly from: string;
  readonly to: string;
}

/** Sorted days, put together where they follow each other. */
export function spansOf(days: readonly number[]): DaySpan[] {
  const spans: { from: string; to: string }[] = [];
  for (const ms of days) {
    const day = dayText(ms);
    const last = spans[spans.length - 1];
    if (last?.to === day) last.to = dayAfter(day);
    else spans.push({ from: day, to: dayAfter(day) });
  }
  return spans;
}

/** The days of spans, in order. */
export function* eachDay(spans: readonly DaySpan[]): Generator<string> {
  for (const { from, to } of spans) for (let day = from; day < to; day = dayAfter(day)) yield day;
}
