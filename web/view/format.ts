/** How figures, times and URLs are written. English and UTC throughout, as the page says. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const oneDecimal = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Beyond, a count is no longer read digit by digit, and a number no longer holds every digit. */
const READ_BY_DIGIT = 1e12;

export function count(value: number): string {
  return value < READ_BY_DIGIT ? whole.format(value) : compact.format(value);
}

/** For the narrow: `12.3K`; beside others up to `highest`, all of them written alike. */
export function shortCount(value: number, highest: number): string {
  return highest < 10_000 ? tenths.format(value) : compact.format(value);
}

/** A share in percent: `63 %`, `0.4 %`; never 0 % nor 100 % of what is not nothing nor all. */
export function share(part: number, all: number): string {
  if (all === 0 || part === 0) return '0 %';
  const percent = (100 * part) / all;
  if (percent < 0.1) return 'under 0.1 %';
  if (part < all && percent > 99.9) return 'over 99.9 %';
  return `${percent < 10 || percent > 99 ? tenths.format(percent) : whole.format(percent)} %`;
}

/** A duration in milliseconds, by its two leading units: `840 ms`, `23.2 s`, `1 min 02 s`, `3 h 05 min`. */
export function duration(ms: number): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  if (ms === 0) return '0 s';
  if (ms < SECOND) return `${whole.format(ms)} ms`;
  if (ms < MINUTE - 50) return `${oneDecimal.format(ms / SECOND)} s`;
  const seconds = Math.round(ms / SECOND);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(ms / MINUTE);
  if (minutes < 60 * 100) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  return `${count(Math.round(ms / HOUR))} h`;
}

/** How long ago, as a person says it; both in ms since 1970. */
export function ago(then: number, now: number): string {
  const ms = Math.max(0, now - then);
  const say = (n: number, unit: string): string => `${whole.format(n)} ${unit}${n === 1 ? '' : 's'} ago`;
  if (ms < MINUTE) return 'just now';
  if (ms < HOUR) return say(Math.floor(ms / MINUTE), 'minute');
  if (ms < DAY) return say(Math.floor(ms / HOUR), 'hour');
  if (ms < 60 * DAY) return say(Math.floor(ms / DAY), 'day');
  if (ms < 730 * DAY) return say(Math.floor(ms / (30.44 * DAY)), 'month');
  return say(Math.floor(ms / (365.25 * DAY)), 'year');
}

const dayOf = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});
const dayWithoutYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short', timeZone: 'UTC' });
const monthOf = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });
const shortMonth = new Intl.DateTimeFormat('en-GB', { month: 'short', timeZone: 'UTC' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });

export const day = (at: number): string => dayOf.format(at);
export const dayAndMonth = (at: number): string => dayWithoutYear.format(at);
export const month = (at: number): string => monthOf.format(at);
export const monthName = (at: number): string => shortMonth.format(at);
export const time = (at: number): string => clock.format(at);
export const dayWithWeekday = (at: number): string => `${weekday.format(at)} ${dayOf.format(at)}`;
/** `20 May 2015, 21:05 UTC` */
export const instant = (at: number): string => `${dayOf.format(at)}, ${clock.format(at)} UTC`;

const regions = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
/** What the pipeline stores where no country is known. */
const NO_COUNTRY = 'ZZ';

/** The English name of a country's two letters; any other text stays as it is. */
export function countryName(code: string): string {
  if (code === NO_COUNTRY) return 'Unknown';
  try {
    return regions.of(code) ?? code;
  } catch {
    return visible(code);
  }
}

/** Control characters and those that turn the direction of writing would show another URL than there is. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** The text with its unseen characters spelled out: `\u202e`. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A URL that is too long to be shown whole loses its middle, because pages differ at the end. */
export function shortened(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = Math.floor((length - 1) / 3);
  return `${text.slice(0, length - 1 - end)}…${text.slice(-end)}`;
}

/** Only such a URL is ever made a link. */
export function isWebAddress(url: string): boolean {
  return /^https?:\/\//i.test(url) && URL.canParse(url);
}
