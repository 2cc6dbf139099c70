/** `event.where` compiled: which events are taken at all. Judged before anything is validated. */
import type { Condition } from '../config/config.js';
import type { PlaceCompiler } from './lookup.js';
import { Rejection } from './rejection.js';
import type { Decoded } from './types.js';
import type { EventView } from './view.js';

type Holds = (event: EventView) => boolean;

/** @returns what an event becomes of which a condition does not hold; undefined: it is taken */
export function compileWhere(
  conditions: readonly Condition[],
  compiler: PlaceCompiler,
): (event: EventView) => Decoded | undefined {
  const compiled = conditions.map((condition, i) => ({
    holds: compileCondition(condition, compiler),
    filtered: { kind: 'filtered', reason: 'where', condition: `event.where[${i}]` } as const,
  }));
  return (event) => {
    for (const { holds, filtered } of compiled) if (!holds(event)) return filtered;
    return undefined;
  };
}

function compileCondition(condition: Condition, compiler: PlaceCompiler): Holds {
  switch (condition.kind) {
    case 'not': {
      const holds = compileCondition(condition.condition, compiler);
      return (event) => !holds(event);
    }
    case 'present': {
      const read = compiler.place(condition.place);
      return (event) => {
        const value = read(event);
        // What cannot be read is for validation to reject, if a column asks for it.
        return value !== undefined && !(value instanceof Rejection);
      };
    }
    case 'in': {
      const read = compiler.place(condition.place);
      const texts = new Set(condition.texts);
      return (event) => {
        const value = read(event);
        if (typeof value === 'string') return texts.has(value);
        return isOtherScalar(value) && texts.has(String(value));
      };
    }
  }
}

const isOtherScalar = (value: unknown): value is number | boolean | bigint =>
  typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint';
