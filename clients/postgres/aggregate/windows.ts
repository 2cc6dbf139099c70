export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Start of the UTC day; floor also before 1970. */
export const utcDay = (ms: number): number => Math.floor(ms / DAY_MS) * DAY_MS;
export const utcMonth = (ms: number): number => {
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
};

/** `from` inclusive, `to` exclusive, ms since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What must be read to compute these hours: each with the `lookaheadMs` after it, touching spans merged. */
export function readSpans(hours: readonly number[], lookaheadMs: number): Span[] {
  const spans: { from: number; to: number }[] = [];
  for (const hour of [...hours].sort((a, b) => a - b)) {
    const to = hour + HOUR_MS + lookaheadMs;
    const last = spans[spans.length - 1];
    if (last !== undefined && hour <= last.to) last.to = Math.max(last.to, to);
    else spans.push({ from: hour, to });
  }
  return spans;
}

/** Cuts hours into at most `pieces` runs of about equally many, in order; at least one. */
export function cutHours(hours: readonly number[], pieces: number): number[][] {
  const sorted = [...hours].sort((a, b) => a - b);
  const share = Math.max(1, Math.ceil(sorted.length / pieces));
  const parts: number[][] = [];
  for (let at = 0; at === 0 || at < sorted.length; at += share) parts.push(sorted.slice(at, at + share));
  return parts;
}
