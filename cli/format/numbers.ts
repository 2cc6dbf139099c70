/** 1234567 → `1,234,567`; takes decimal text as well, so that no digit is lost. */
export const grouped = (n: number | string | bigint): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

/** `1 day`, `1,204 days` */
export const counted = (n: number, one: string): string => `${grouped(n)} ${n === 1 ? one : `${one}s`}`;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const two = (n: number): string => String(n).padStart(2, '0');

/** A time as people say it: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 07 min`, `3 d 04 h`. */
export function humanTime(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  // Rounded first: 59.97 s is a minute, not 60.0 s.
  if (Math.round(ms / 100) * 100 < MINUTE) return `${(ms / SECOND).toFixed(1)} s`;
  if (Math.round(ms / SECOND) * SECOND < HOUR) {
    const seconds = Math.round(ms / SECOND);
    return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  }
  if (Math.round(ms / MINUTE) * MINUTE < DAY) {
    const minutes = Math.round(ms / MINUTE);
    return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  }
  const hours = Math.round(ms / HOUR);
  return `${grouped(Math.floor(hours / 24))} d ${two(hours % 24)} h`;
}
