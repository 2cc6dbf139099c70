import { UsageError } from '../../domain/errors.js';
import { DATE_OR_TIME, isoInstant } from '../../domain/time.js';

/** An option's ISO month, date, hour or time as an instant; without a zone it is UTC. */
export function isoOption(option: string, value: string): string {
  const instant = isoInstant(value);
  if (instant === undefined) {
    throw new UsageError(`${option}: expected ${DATE_OR_TIME}, got '${value}'`);
  }
  return new Date(instant).toISOString();
}
