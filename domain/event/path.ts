/** Paths compiled to functions. */
import type { PathStep } from '../config/config.js';

/** undefined: nothing there. */
export type Walk = (json: unknown) => unknown;

type Members = Readonly<Record<string, unknown>>;

/** One step after the other; without steps the value itself. */
export function compilePath(path: readonly PathStep[]): Walk {
  const steps = path.map((step) =>
    typeof step === 'string' ? member(step) : element(step.member, step.equals),
  );
  const [first, second, third] = steps;
  if (first === undefined) return (json) => json;
  if (second === undefined) return first;
  if (third === undefined) return (json) => second(first(json));
  return (json) => {
    let value = json;
    for (const step of steps) value = step(value);
    return value;
  };
}

/**
 * Own properties alone: `constructor` and `__proto__` are data where an event has them, and nothing else. Names
 * that no object has by birth need no second look.
 */
function member(name: string): Walk {
  if (name in Object.prototype || name in Array.prototype) {
    return (json) =>
      isHolder(json) && Object.hasOwn(json, name) && !(name === 'length' && Array.isArray(json))
        ? json[name]
        : undefined;
  }
  return (json) => (isHolder(json) ? json[name] : undefined);
}

/** The first element of an array whose member is this text, number or boolean. */
function element(name: string, equals: string): Walk {
  const read = member(name);
  return (json) => {
    if (!Array.isArray(json)) return undefined;
    for (const one of json as unknown[]) {
      const value = read(one);
      if (value === equals) return one;
      if ((typeof value === 'number' || typeof value === 'boolean') && String(value) === equals) return one;
    }
    return undefined;
  };
}

const isHolder = (json: unknown): json is Members => typeof json === 'object' && json !== null;
