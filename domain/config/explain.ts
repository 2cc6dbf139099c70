/** A complaint of the schema, said as a person needs it: path, what was expected, what was got. */
import type { z } from 'zod';
import type { PathPart, SourceDocument } from './document.js';
import { at, isObject } from './data.js';
import type { Complain } from './meaning.js';
import { nearest } from './nearest.js';
import { configJsonSchema } from './schema.js';

type Issue = z.core.$ZodIssue;

export function explain(issue: Issue, { data, inexact }: SourceDocument, complain: Complain): void {
  const path = issue.path as PathPart[];
  if (issue.code === 'unrecognized_keys') {
    const known = settingsAt(path);
    for (const key of issue.keys) complain([...path, key], unknownSetting(key, known), 'key');
  } else {
    const about = issue.code === 'invalid_key' ? 'key' : undefined;
    const expected = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? '') : issue.message;
    const written = inexact.find((one) => spell(one.path) === spell(path))?.written;
    const got = about === 'key' ? path.at(-1) : at(data, path);
    complain(path, `expected ${expected}, got ${written ?? show(got)}`, about);
  }
}

function unknownSetting(key: string, known: readonly string[]): string {
  const hint = nearest(key, known);
  if (hint !== undefined) return `unknown setting; did you mean ${hint}?`;
  return known.length === 0 ? 'unknown setting' : `unknown setting; expected one of ${known.join(', ')}`;
}

/** The settings that the grammar has at a path, read from its JSON Schema. */
export function settingsAt(path: readonly PathPart[]): readonly string[] {
  let node: unknown = configJsonSchema();
  for (const part of path) {
    node = at(node, ['properties', part]) ?? at(node, ['additionalProperties']) ?? at(node, ['items']);
  }
  const properties = at(node, ['properties']);
  return isObject(properties) ? Object.keys(properties) : [];
}

/** `ingest.batch.records`; list indexes as `[0]`, a name that is no word in quotes. */
export const spell = (path: readonly PathPart[]): string =>
  path.length === 0
    ? 'the file'
    : path
        .map((part, i) =>
          typeof part === 'number' || !WORD.test(part) ? `[${show(part)}]` : i === 0 ? part : `.${part}`,
        )
        .join('');

const WORD = /^\w+$/;
const ACTING = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const SHOWN_LENGTH = 60;

export function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  // What JSON leaves as it is, and a terminal obeys.
  const text = JSON.stringify(value).replace(
    ACTING,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}
