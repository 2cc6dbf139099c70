/** The fields of `$url` and `$referrer`, compiled: a field of an empty part is missing. */
import { hostEnd, hostStart, type UrlParts } from './url.js';

export type UrlField = (parts: UrlParts) => string | undefined;

const orMissing = (text: string): string | undefined => (text === '' ? undefined : text);

const FIELDS: Readonly<Record<string, UrlField>> = {
  scheme: ({ text, schemeEnd }) => orMissing(text.slice(0, schemeEnd).toLowerCase()),
  host: (parts) => {
    if (parts.authority < 0) return undefined;
    const start = hostStart(parts);
    return orMissing(parts.text.slice(start, hostEnd(parts, start)).toLowerCase());
  },
  path: ({ text, pathStart, pathEnd, authority }) =>
    // An absolute URL without a path asks for `/`.
    orMissing(text.slice(pathStart, pathEnd)) ?? (authority < 0 ? undefined : '/'),
  query: ({ text, pathEnd, queryEnd }) => orMissing(text.slice(pathEnd + 1, queryEnd)),
  fragment: ({ text, queryEnd }) => orMissing(text.slice(queryEnd + 1)),
};

const QUERY = 'query.';

export function urlField(field: string): UrlField {
  const known = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined;
  return known ?? parameter(field.startsWith(QUERY) ? field.slice(QUERY.length) : field);
}

/** The first parameter of a name, decoded. */
const parameter =
  (name: string): UrlField =>
  ({ text, pathEnd, queryEnd }) => {
    for (let start = pathEnd + 1; start < queryEnd;) {
      const ampersand = text.indexOf('&', start);
      const end = ampersand < 0 || ampersand > queryEnd ? queryEnd : ampersand;
      const equals = text.indexOf('=', start);
      const nameEnd = equals < 0 || equals > end ? end : equals;
      if (isNamed(text, start, nameEnd, name)) return orMissing(decode(text.slice(nameEnd + 1, end)));
      start = end + 1;
    }
    return undefined;
  };

function isNamed(text: string, start: number, end: number, name: string): boolean {
  if (end - start === name.length && text.startsWith(name, start)) return true;
  // An encoded name is longer than what it stands for, but for a `+`.
  return end - start >= name.length && isEncoded(text, start, end) && decode(text.slice(start, end)) === name;
}

function isEncoded(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const char = text.charCodeAt(i);
    if (char === 37 || char === 43) return true;
  }
  return false;
}

/** As forms encode it; what cannot be decoded, or would become a NUL, stays as it was sent. */
function decode(text: string): string {
  if (!isEncoded(text, 0, text.length)) return text;
  const spaced = text.replaceAll('+', ' ');
  try {
    const decoded = decodeURIComponent(spaced);
    return decoded.includes('\0') ? text : decoded;
  } catch {
    return text;
  }
}
