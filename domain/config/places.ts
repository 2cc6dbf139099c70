/**
 * The places a value can be taken from, as they are spelled: `a.b.0`, `{ path: ['page.url'] }`, `$geoip.country`.
 */
import type { ColumnType, Enrichment, Place } from './config.js';

/** The fields of each enrichment and the column types that hold them; '' is the enrichment itself. */
export const ENRICHMENT_FIELDS: Readonly<
  Record<Enrichment, Readonly<Record<string, readonly ColumnType[]>>>
> = {
  $geoip: { country: ['text'] },
  $ua: {
    browser: ['text'],
    browser_version: ['text'],
    os: ['text'],
    device: ['text'],
    is_bot: ['boolean', 'text'],
  },
  $visitor: { '': ['text'] },
};

/** Every enrichment as it is spelled: `$ua.browser`, `$visitor`. */
export const ENRICHMENT_SPELLINGS: readonly string[] = Object.entries(ENRICHMENT_FIELDS).flatMap(
  ([enrichment, fields]) =>
    Object.keys(fields).map((field) => (field === '' ? enrichment : `${enrichment}.${field}`)),
);

/** A place as written; undefined when it is none. */
export function parsePlace(
  written: string | { readonly path: readonly (string | number)[] },
): Place | undefined {
  if (typeof written !== 'string') return { kind: 'path', path: written.path.map(String) };
  if (!written.startsWith('$')) {
    const path = written.split('.');
    return path.includes('') ? undefined : { kind: 'path', path };
  }
  const [enrichment = '', ...rest] = written.split('.');
  const field = rest.join('.');
  if (!Object.hasOwn(ENRICHMENT_FIELDS, enrichment)) return undefined;
  const known = enrichment as Enrichment;
  return Object.hasOwn(ENRICHMENT_FIELDS[known], field)
    ? { kind: 'enrichment', enrichment: known, field }
    : undefined;
}

/** How a place is spelled in messages: no value of an event is in it. */
export function spellPlace(place: Place): string {
  if (place.kind === 'enrichment') {
    return place.field === '' ? place.enrichment : `${place.enrichment}.${place.field}`;
  }
  return place.path.some((part) => part.includes('.') || part.startsWith('$'))
    ? JSON.stringify(place.path)
    : place.path.join('.');
}
