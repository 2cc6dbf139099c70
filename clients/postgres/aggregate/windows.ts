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

/** Cuts spans into at most `pieces` parts of about equal length, on whole hours, in order and without overlap. */
export function cutSpans(spans: readonly Span[], pieces: number): Span[][] {
  const total = spans.reduce((sum, span) => sum + span.to - span.from, 0);
  const share = Math.max(HOUR_MS, Math.ceil(total / pieces / HOUR_MS) * HOUR_MS);
  const parts: Span[][] = [[]];
  let room = share;
  for (const span of spans) {
    let { from } = span;
    while (from < span.to) {
      if (room === 0) {
        parts.push([]);
        room = share;
      }
      const to = Math.min(span.to, from + room);
      parts[parts.length - 1]?.push({ from, to });
      room -= to - from;
      from = to;
    }
  }
  return parts;
}
