import type { FigureKey } from '../../clients/postgres/explain/figure.js';
import type { Window } from '../../clients/postgres/explain/window.js';
import { DAY_MS, HOUR_MS, utcMonth } from '../../clients/postgres/aggregate/windows.js';
import { UsageError } from '../../domain/errors.js';
import type { Grain } from '../../domain/names.js';
import { isoInstant } from '../../domain/time.js';

const MONTH = /^\d{4}-\d{2}$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** As people write it, as the table of `metrics` shows it, and as --csv and --json do. @throws UsageError naming WINDOW */
function parseWindow(text: string): { readonly grain: Grain; readonly start: number | null } {
  if (text === 'total') return { grain: 'total', start: null };
  const grain: Grain = MONTH.test(text) ? 'month' : DAY.test(text) ? 'day' : 'hour';
  const start = isoInstant(text);
  if (start === undefined || start % HOUR_MS !== 0)
    throw new UsageError(
      `WINDOW: expected an hour (2026-11-25T14), a day (2026-11-25), a month (2026-11), all UTC, or total, got '${text}'`,
    );
  return { grain, start };
}

/** The words of the command as the key of a figure. @throws UsageError naming the word */
export function parseKey(url: string, country: string, window: string): FigureKey {
  if (url === '') throw new UsageError('URL: expected a URL as `metrics` prints it, got nothing');
  if (country === '')
    throw new UsageError('COUNTRY: expected a country, ZZ where there is none, got nothing');
  return {
    ...parseWindow(window),
    url,
    country,
  };
}

/** Null: all time. */
export function windowOf({ grain, start }: Pick<FigureKey, 'grain' | 'start'>): Window | null {
  if (start === null) return null;
  const ends: Record<Grain, number> = {
    hour: start + HOUR_MS,
    day: start + DAY_MS,
    month: utcMonth(start + 32 * DAY_MS),
    total: Infinity,
  };
  return { from: start, to: ends[grain] };
}

/** WINDOW, as it is given. */
export function windowWord(grain: Grain, start: string | null): string {
  const lengths: Record<Grain, number> = { hour: 13, day: 10, month: 7, total: 0 };
  return start === null ? 'total' : start.slice(0, lengths[grain]);
}
