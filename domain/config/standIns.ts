/**
 * What is judged of a file beside faults of its shape: these are replaced by something sound, so that settings which
 * refer to each other can be judged all the same, and complaints that only come of the replacing are dropped.
 */
import type { z } from 'zod';
import { at, isObject } from './data.js';
import type { PathPart } from './document.js';
import { settingsAt } from './explain.js';
import type { Complain } from './meaning.js';
import { nearest } from './nearest.js';
import { configSchema, type RawConfig } from './schema.js';

type Path = readonly PathPart[];
type Issue = z.core.$ZodIssue;

/** A place that says nothing of types, inputs or roles. */
const PLACES = ['stand_in'];
const COLUMN = { type: 'text', from: PLACES, required: true };
const OWN = { from: PLACES };

/** By path, `*` for any part: what stands in for a fault. Elsewhere a setting is left out, and has its default. */
const STAND_INS: readonly (readonly [path: string, standIn: unknown])[] = [
  ['version', 1],
  ['name', 'stand_in'],
  ['kafka', { topics: PLACES }],
  ['kafka.topics', PLACES],
  ['kafka.topics.*', 'stand_in'],
  ['kafka.create.partitions', 8192],
  ['event', { time: OWN }],
  ['event.where.*', { present: 'stand_in' }],
  ['event.nulls.*', 'stand_in'],
  ['event.time', OWN],
  ['event.time.formats.*', 'iso'],
  ['event.id', OWN],
  ['event.address', OWN],
  ['event.agent', OWN],
  ['event.referrer', OWN],
  ['event.*.from', PLACES],
  ['event.*.from.*', 'stand_in'],
  ['families', { click_data: {} }],
  ['families.*', {}],
  ['families.*.*', COLUMN],
  ['families.*.*.type', 'text'],
  ['families.*.*.from', PLACES],
  ['families.*.*.from.*', 'stand_in'],
  ['roles', { url: 'click_data.stand_in' }],
  ['roles.url', 'click_data.stand_in'],
];

/** A stand-in can be at fault itself, as one that stands in a list twice. */
const MAX_ROUNDS = 8;

export interface Repaired {
  readonly raw: RawConfig;
  /** Faults that came to light when others were out of the way. */
  readonly more: readonly Issue[];
  /** Passes on what the file is to blame for. */
  readonly filter: (complain: Complain) => Complain;
}

/** @returns undefined where nothing can be judged beside the faults */
export function repair(data: unknown, issues: readonly Issue[]): Repaired | undefined {
  if (!isObject(data)) return undefined;
  const sound = structuredClone(data);
  const faults: Path[] = [];
  const more: Issue[] = [];
  let open: readonly Issue[] = issues;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    for (const fault of open.flatMap((issue) => faultsOf(issue, sound))) {
      faults.push(fault.path);
      replace(sound, fault);
    }
    const parsed = configSchema.safeParse(sound);
    if (parsed.success) return { raw: parsed.data, more, filter: filterOf(data, faults) };
    open = parsed.error.issues;
    more.push(...open.filter(({ path }) => !faults.some((fault) => touches(fault, path as Path))));
  }
  return undefined;
}

interface Fault {
  readonly path: Path;
  /** No setting, or no name, that anything could stand in for. */
  readonly unknown: boolean;
}

function faultsOf(issue: Issue, sound: unknown): readonly Fault[] {
  const path = issue.path as Path;
  if (issue.code !== 'unrecognized_keys') return [{ path, unknown: issue.code === 'invalid_key' }];
  const known = settingsAt(path);
  return issue.keys.flatMap((key) => {
    // A setting that was misspelled is not one that is missing.
    const meant = nearest(key, known);
    const missing = meant !== undefined && at(sound, [...path, meant]) === undefined;
    return [
      { path: [...path, key], unknown: true },
      ...(missing ? [{ path: [...path, meant], unknown: false }] : []),
    ];
  });
}

function replace(sound: unknown, { path, unknown }: Fault): void {
  const parent = at(sound, path.slice(0, -1)) as Record<PathPart, unknown> | undefined;
  const last = path.at(-1);
  if (parent === undefined || last === undefined) return;
  const standIn = unknown ? undefined : STAND_INS.find(([pattern]) => matches(pattern.split('.'), path))?.[1];
  if (standIn === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = structuredClone(standIn);
}

const matches = (pattern: readonly string[], path: Path): boolean =>
  pattern.length === path.length && pattern.every((part, i) => part === '*' || part === path[i]);

const isWithin = (path: Path, fault: Path): boolean => fault.length <= path.length && touches(fault, path);

/** Whether one lies in the other. */
const touches = (a: Path, b: Path): boolean => {
  const length = Math.min(a.length, b.length);
  return a.slice(0, length).every((part, i) => part === b[i]);
};

function filterOf(data: object, faults: readonly Path[]): Repaired['filter'] {
  const isFault = (path: Path): boolean => faults.some((fault) => isWithin(path, fault));
  /** The type of a column decides what may be in it. */
  const ofFaultyType = (path: Path): boolean =>
    path[0] === 'families' && path.length > 3 && isFault([...path.slice(0, 3), 'type']);
  const ofFaultyColumn = (path: Path): boolean => {
    const column = ['families', ...String(at(data, path)).split('.')];
    return path[0] === 'roles' && faults.some((fault) => fault[3] !== 'from' && touches(fault, column));
  };
  return (complain) => (path, message, about) => {
    if (!isFault(path) && !ofFaultyType(path) && !ofFaultyColumn(path)) complain(path, message, about);
  };
}
