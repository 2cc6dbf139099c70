/** `event.where` of plain events: whether an event is taken. One that is not is left to the decoder, which says why. */
import type { Condition } from '../../config/config.js';
import type { PlainEvent } from './event.js';
import * as Kind from './kinds.js';
import { isPlain, type PlainPaths, type PlainPlace } from './places.js';

export type PlainCondition = (event: PlainEvent) => boolean;

/** @returns undefined where a condition looks at a place that only the decoder can read */
export function plainCondition(condition: Condition, paths: PlainPaths): PlainCondition | undefined {
  if (condition.kind === 'not') {
    const holds = plainCondition(condition.condition, paths);
    return holds && ((event) => !holds(event));
  }
  if (!isPlain(condition.place)) return undefined;
  const places: readonly PlainPlace[] = paths.placesOf([condition.place]);
  if (condition.kind === 'present') return (event) => event.find(places) >= 0;
  const texts = new Set(condition.texts);
  return (event) => {
    const slot = event.find(places);
    return slot >= 0 && event.scanner.kinds[slot] !== Kind.OTHER && texts.has(String(event.valueOf(slot)));
  };
}
