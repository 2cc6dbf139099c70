/**
 * URLs as they come: absolute, `//host/path`, relative, or nothing of the kind. They are cut at their marks and
 * never resolved or re-spelled, so that what is kept is what was sent.
 */

/** Positions in the text; equal ones enclose nothing. */
export interface UrlParts {
  readonly text: string;
  /** End of `https`; 0: there is no scheme. */
  readonly schemeEnd: number;
  /** Behind `//`; -1: no authority (a relative URL, or `mailto:a`). */
  readonly authority: number;
  readonly pathStart: number;
  /** Of the `?`, or where one would be. */
  readonly pathEnd: number;
  /** Of the `#`, or the end. */
  readonly queryEnd: number;
}

const SLASH = 47;
const COLON = 58;

export function splitUrl(text: string): UrlParts {
  const schemeEnd = findScheme(text);
  const rest = schemeEnd === 0 ? 0 : schemeEnd + 1;
  const hash = text.indexOf('#', rest);
  const queryEnd = hash < 0 ? text.length : hash;
  const mark = text.indexOf('?', rest);
  const pathEnd = mark < 0 || mark > queryEnd ? queryEnd : mark;
  const hasAuthority = text.charCodeAt(rest) === SLASH && text.charCodeAt(rest + 1) === SLASH;
  if (!hasAuthority) return { text, schemeEnd, authority: -1, pathStart: rest, pathEnd, queryEnd };
  const slash = text.indexOf('/', rest + 2);
  const pathStart = slash < 0 || slash > pathEnd ? pathEnd : slash;
  return { text, schemeEnd, authority: rest + 2, pathStart, pathEnd, queryEnd };
}

/** Where `https` ends in `https:`; 0 when the text begins with no scheme. */
function findScheme(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === COLON) return i;
    const letter = (code | 32) >= 97 && (code | 32) <= 122;
    const digitOrMark = (code >= 48 && code <= 57) || code === 43 || code === 45 || code === 46;
    if (!letter && (i === 0 || !digitOrMark)) return 0;
  }
  return 0;
}

/** Where the host begins: behind the user and password, if any. */
export function hostStart({ text, authority, pathStart }: UrlParts): number {
  const at = text.lastIndexOf('@', pathStart - 1);
  return at < authority ? authority : at + 1;
}

/** Where the host ends: before `:` and a port of digits, or of nothing. Colons in `[::1]` are the host's. */
export function hostEnd({ text, pathStart }: UrlParts, start: number): number {
  let at = pathStart;
  while (at > start && text.charCodeAt(at - 1) >= 48 && text.charCodeAt(at - 1) <= 57) at--;
  if (at === start || text.charCodeAt(at - 1) !== COLON) return pathStart;
  const colon = at - 1;
  // Another colon before it: an address without brackets, whose last group is no port.
  const other = text.lastIndexOf(':', colon - 1);
  return other >= start && text.charAt(colon - 1) !== ']' ? pathStart : colon;
}

/**
 * As browsers read it: blanks in front are none, a backslash is a slash, the last @ before the path counts; schemes of
 * the web need no two slashes, and take more. Behind none of them blanks are a sentence's.
 */
const USER_INFO = [
  /^([\0-\x20]*(?:https?|wss?|ftp):[\\/]+)([^\\/?#]*)@/i,
  /^([\0-\x20]*(?:https?|wss?|ftp):)([^\\/?#\s]*)@/i,
  /^(\s*(?:[a-z][a-z0-9+.-]*:)?[\\/]{2})([^\\/?#]*)@/i,
];
/** Browsers pass these over wherever they stand. */
const PASSED_OVER = /[\t\n\r]/g;

/** Without user and password where there is a password; everything else letter by letter. */
export function withoutPassword(text: string): string {
  if (!text.includes('@')) return text;
  // As it is first: what stands outside of the URL stays then.
  for (const read of [text, text.replace(PASSED_OVER, '')])
    for (const pattern of USER_INFO) {
      const [found = '', before = '', user = ''] = pattern.exec(read) ?? [];
      // What stood behind may be read in the same way now.
      if (user.includes(':')) return withoutPassword(before + read.slice(found.length));
    }
  return text;
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  http: ':80',
  https: ':443',
  ws: ':80',
  wss: ':443',
  ftp: ':21',
};

/**
 * One spelling for what every server takes for the same: scheme and host in lower case, no default or empty port,
 * no fragment, `/` for an empty path. Path and query stay letter by letter, relative URLs but for the fragment,
 * and what has neither host nor path (`mailto:`, `javascript:`) but for its scheme.
 */
export function normalizeUrl(text: string): string {
  const parts = splitUrl(text);
  const scheme = text.slice(0, parts.schemeEnd).toLowerCase();
  if (parts.authority < 0) {
    if (parts.schemeEnd > 0) return scheme + text.slice(parts.schemeEnd);
    // A page that is nothing but a fragment has no other name.
    return parts.queryEnd === 0 ? text : text.slice(0, parts.queryEnd);
  }
  const start = hostStart(parts);
  const end = hostEnd(parts, start);
  const port = text.slice(end, parts.pathStart);
  const keptPort = port === ':' || port === DEFAULT_PORTS[scheme] ? '' : port;
  const path = text.slice(parts.pathStart, parts.pathEnd) || '/';
  return (
    (scheme === '' ? '' : `${scheme}:`) +
    `//${text.slice(parts.authority, start)}${text.slice(start, end).toLowerCase()}${keptPort}` +
    path +
    text.slice(parts.pathEnd, parts.queryEnd)
  );
}
