/** `event.time`: formats and zone as written → checked. */
import { compileTimePattern, NoPattern } from '../event/timePattern.js';
import { openZone } from '../event/timeZone.js';
import type { NamedTimeFormat, TimeFormat, TimeSpelling } from './config.js';
import { show } from './explain.js';
import { TIME_FORMATS } from './grammar.js';
import type { Complain } from './meaning.js';
import { nearest } from './nearest.js';
import type { RawMapping } from './schema.js';

export function toTimeSpelling(
  { formats, zone }: RawMapping['event']['time'],
  complain: Complain,
): TimeSpelling {
  const known = openZone(zone) !== undefined;
  if (!known) {
    const meant = nearest(zone, Intl.supportedValuesOf('timeZone'));
    complain(
      ['event', 'time', 'zone'],
      `expected UTC, an offset such as "+05:30" or a name such as Europe/Berlin, got ${show(zone)}` +
        (meant === undefined ? '' : `; did you mean ${meant}?`),
    );
  }
  return {
    formats: formats.flatMap((written, i) => toFormat(written, i, complain) ?? []),
    zone: known ? zone : 'UTC',
  };
}

function toFormat(written: string, i: number, complain: Complain): TimeFormat | undefined {
  if (isNamed(written)) return written;
  const compiled = compileTimePattern(written);
  if (!(compiled instanceof NoPattern)) return { pattern: written };
  const meant = nearest(written, TIME_FORMATS);
  const expected =
    meant === undefined
      ? `iso, epoch_s, epoch_ms, epoch_us or ${compiled.expected}`
      : `iso, epoch_s, epoch_ms, epoch_us or a pattern, perhaps ${meant}`;
  complain(['event', 'time', 'formats', i], `expected ${expected}; got ${show(written)}`);
  return undefined;
}

const isNamed = (format: string): format is NamedTimeFormat =>
  (TIME_FORMATS as readonly string[]).includes(format);
