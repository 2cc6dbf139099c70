/**
 * The places a value can be taken from, as they are written.
 *
 * | written | is |
 * |---|---|
 * | `a.b.0` | a nested path: keys and array indexes |
 * | `event_params[key=page_location].value.string_value` | the first element of the array `event_params` whose member `key` is `page_location`, and on from there; the text runs to the `]` and may hold dots |
 * | `{ path: ['page.url', 0, { key: page_location }] }` | the same, step by step: for names with `.`, `[` or a leading `$` |
 * | `$geoip.country` | an enrichment, see `enrichments.ts` |
 * | `{ json: contexts, path: '0.spider' }` | JSON inside the text at `contexts`; without `path`, all of it |
 * | `{ const: web }` | always this text, number or boolean |
 * | `{ template: '/product/{aid}' }` | text with values in it; `{{` and `}}` are braces. A placeholder is a path or an enrichment; without one of its values the whole is missing |
 *
 * In YAML a text with `[` or `{` in it stands in quotes where brackets are around it.
 */
import type { NamedPlace, Place, Scalar } from './config.js';
import { NoPlace } from './noPlace.js';
import { parseNamed, parsePath, spellPath, type WrittenPath, type WrittenStep } from './paths.js';
import { parseTemplate } from './template.js';

export type WrittenPlace =
  | string
  | { readonly path: readonly WrittenStep[] }
  | { readonly json: WrittenPath; readonly path?: WrittenPath | undefined }
  | { readonly const: Scalar }
  | { readonly template: string };

export function parsePlace(written: WrittenPlace): Place | NoPlace {
  if (typeof written === 'string') return parseNamed(written);
  if ('const' in written) return { kind: 'const', value: written.const };
  if ('template' in written) return parseTemplate(written.template);
  if (!('json' in written)) return parseNamed(written.path);
  const text = parseNamed(written.json);
  if (text instanceof NoPlace) return text;
  const path = written.path === undefined ? [] : parsePath(written.path);
  return path instanceof NoPlace ? path : { kind: 'json', in: text, path };
}

/** How a place is spelled in messages: no value of an event is in it. */
export function spellPlace(place: Place): string {
  switch (place.kind) {
    case 'path':
      return spellPath(place.path);
    case 'enrichment':
      return place.field === '' ? place.enrichment : `${place.enrichment}.${place.field}`;
    case 'json':
      return place.path.length === 0
        ? `the JSON in ${spellPlace(place.in)}`
        : `${spellPath(place.path)} of the JSON in ${spellPlace(place.in)}`;
    case 'const':
      return `the constant ${JSON.stringify(place.value)}`;
    case 'template':
      return `the template ${place.written}`;
  }
}

/** The places that a place is made of: the one itself, or those of a template and of JSON inside text. */
export function namedPlaces(place: Place): readonly NamedPlace[] {
  switch (place.kind) {
    case 'path':
    case 'enrichment':
      return [place];
    case 'json':
      return [place.in];
    case 'const':
      return [];
    case 'template':
      return place.parts.filter((part) => typeof part !== 'string');
  }
}
