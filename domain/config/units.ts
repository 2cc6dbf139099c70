/** Sizes and durations as people write them in the configuration: `32MiB`, `5s`, `30m`. */

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
};

export const SIZE_PATTERN = /^(\d{1,9})(B|KiB|MiB|GiB|TiB)$/;
export const AGE_PATTERN = /^(never|\d{1,5}d)$/;
/** A hundred years. */
export const MAX_AGE_DAYS = 36_500;
export const DURATION_PATTERN = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Bytes, or undefined when the text is no size. */
export const parseSize = (text: string): number | undefined => scaled(SIZE_PATTERN.exec(text), BYTES);

/** Milliseconds, or undefined when the text is no duration. */
export const parseDuration = (text: string): number | undefined =>
  scaled(DURATION_PATTERN.exec(text), MILLISECONDS);

/** `400d` → 400; undefined for `never` and for anything else. */
export const parseDays = (text: string): number | undefined =>
  /^\d{1,5}d$/.test(text) ? Number(text.slice(0, -1)) : undefined;
export const formatAge = (days: number | 'never'): string => (days === 'never' ? days : `${days}d`);

const scaled = (
  match: RegExpExecArray | null,
  units: Readonly<Record<string, number>>,
): number | undefined => {
  const unit = units[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
};

/** The shortest exact spelling: 33554432 → `32MiB`. */
export const formatSize = (bytes: number): string => spelled(bytes, BYTES);
export const formatDuration = (ms: number): string => spelled(ms, MILLISECONDS);

function spelled(amount: number, units: Readonly<Record<string, number>>): string {
  const [unit, size] = Object.entries(units)
    .filter(([, size]) => amount % size === 0)
    .at(-1) ?? ['', 1];
  return amount === 0 ? `0${Object.keys(units)[0] ?? ''}` : `${amount / size}${unit}`;
}
