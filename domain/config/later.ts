/**
 * What the design has and this version has not. Each is refused by its name, so that nobody believes a setting
 * to be at work that is not.
 */
import type { PathPart } from './document.js';

export interface Refusal {
  readonly path: readonly PathPart[];
  readonly what: string;
}

const LATER_ENRICHMENTS = /^\$(url|referrer|kafka)(\.|$)/;
const LATER_PLACES = ['json', 'const', 'template'] as const;

/** Everything in the raw data that belongs to a later version. */
export function refuseLater(data: unknown): readonly Refusal[] {
  const refusals: Refusal[] = [];
  const refuse = (path: readonly PathPart[], what: string) => refusals.push({ path, what });

  for (const key of ['where', 'referrer', 'normalize_url']) {
    if (at(data, ['event', key]) !== undefined) refuse(['event', key], `event.${key}`);
  }
  const formats = at(data, ['event', 'time', 'formats']);
  if (Array.isArray(formats)) {
    formats.forEach((format, i) => {
      if (isPattern(format)) refuse(['event', 'time', 'formats', i], 'a time pattern');
    });
  }
  const zone = at(data, ['event', 'time', 'zone']);
  if (typeof zone === 'string' && zone !== 'UTC') refuse(['event', 'time', 'zone'], 'a zone other than UTC');
  for (const path of placeLists(data)) {
    const list = at(data, path);
    if (Array.isArray(list)) list.forEach((place, i) => refusePlace(place, [...path, i], refuse));
  }
  return refusals;
}

function refusePlace(
  place: unknown,
  path: readonly PathPart[],
  refuse: (path: readonly PathPart[], what: string) => void,
): void {
  if (typeof place === 'string') {
    const name = LATER_ENRICHMENTS.exec(place)?.[1];
    if (name !== undefined) refuse(path, `the enrichment $${name}`);
  } else if (isObject(place)) {
    const kind = LATER_PLACES.find((kind) => Object.hasOwn(place, kind));
    if (kind !== undefined) refuse(path, `{ ${kind}: … }`);
  }
}

/** Letters of a date pattern beside anything that is no plain word, as in `dd/MMM/yyyy:HH:mm:ss Z`. */
const isPattern = (format: unknown): boolean =>
  typeof format === 'string' && /(yy|MM|dd|HH|mm|ss|%[a-zA-Z])/.test(format);

function placeLists(data: unknown): PathPart[][] {
  const lists: PathPart[][] = ['id', 'time', 'address', 'agent'].map((key) => ['event', key, 'from']);
  const families = at(data, ['families']);
  if (!isObject(families)) return lists;
  for (const [family, columns] of Object.entries(families)) {
    if (!isObject(columns)) continue;
    for (const column of Object.keys(columns)) lists.push(['families', family, column, 'from']);
  }
  return lists;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value at a path of own properties. */
export function at(data: unknown, path: readonly PathPart[]): unknown {
  let value = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PathPart, unknown>)[part];
  }
  return value;
}
