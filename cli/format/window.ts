import { UsageError } from '../../domain/errors.js';

const ISO = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** An option's ISO date or time as an instant; without a zone it is UTC. */
export function isoOption(option: string, value: string): string {
  const match = ISO.exec(value);
  const [, day = '', time, , , zone] = match ?? [];
  const instant = Date.parse(time === undefined || zone !== undefined ? value : `${value}Z`);
  // JavaScript takes 30 February for 2 March.
  const isDay = match !== null && new Date(Date.parse(`${day}T00:00:00Z`)).toJSON()?.startsWith(day);
  if (!isDay || Number.isNaN(instant)) {
    throw new UsageError(
      `${option}: expected a date or a time (2026-11-25, 2026-11-25T14:00, 2026-11-25T14:00:00Z), got '${value}'`,
    );
  }
  return new Date(instant).toISOString();
}
