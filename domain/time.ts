const ISO =
  /^(\d{4}-\d{2})(?:(-\d{2})(?:[T ]([01]\d|2[0-3])(?::(\d{2})(?::(\d{2}(?:\.\d{1,3})?))?)?(Z|[+-]\d{2}:\d{2})?)?)?$/;

/** What `isoInstant` takes, for messages. */
export const DATE_OR_TIME = 'a date or a time (2026-11, 2026-11-25, 2026-11-25T14, 2026-11-25T14:00:00Z)';

/**
 * An ISO month, date, hour or time as a person writes it, in ms since 1970: its begin; without a zone it is UTC.
 * Undefined: it is none.
 */
export function isoInstant(text: string): number | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, month = '', dayOfMonth = '-01', hour = '00', minute = '00', second = '00', zone = 'Z'] = match;
  const day = `${month}${dayOfMonth}`;
  const instant = Date.parse(`${day}T${hour}:${minute}:${second}${zone}`);
  // JavaScript takes 30 February for 2 March.
  const isDay = new Date(Date.parse(`${day}T00:00:00Z`)).toJSON()?.startsWith(day);
  return isDay && !Number.isNaN(instant) ? instant : undefined;
}
