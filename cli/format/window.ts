import { UsageError } from '../../domain/errors.js';
import { isoInstant } from '../../domain/time.js';

/** An option's ISO date or time as an instant; without a zone it is UTC. */
export function isoOption(option: string, value: string): string {
  const instant = isoInstant(value);
  if (instant === undefined) {
    throw new UsageError(
      `${option}: expected a date or a time (2026-11-25, 2026-11-25T14:00, 2026-11-25T14:00:00Z), got '${value}'`,
    );
  }
  return new Date(instant).toISOString();
}
