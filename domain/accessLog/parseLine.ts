/** Lines of an access log in the formats "common" and "combined" of Apache and nginx. */

/** A line as the event that is produced; a field that the log has as `-` is absent. */
export interface AccessLogClick {
  /** ms since 1970. */
  readonly t: number;
  readonly ip: string;
  readonly method: string;
  /** As in the request: path and query, letter by letter. */
  readonly url: string;
  readonly status: number;
  readonly bytes?: number;
  readonly referrer?: string;
  readonly user_agent?: string;
}

// The time's shape is spelled out so that a hostile line is refused after one pass, without backtracking.
const HEAD = /^(\S+) \S+ .*?\[(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\] "/s;
const QUOTED = /([^"\\]*(?:\\.[^"\\]*)*)"/sy;
const STATUS = / (\d{3}) (\d{1,15}|-)(?= |$)/y;
const REQUEST = /^([A-Z][A-Z-]{0,30}) (\S.*?)(?: HTTP\/\d(?:\.\d)?)?$/s;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Undefined when the line is none, or its request names no page (`"-"`, bytes of another protocol). */
export function parseAccessLogLine(line: string): AccessLogClick | undefined {
  const head = HEAD.exec(line);
  const t = head === null ? undefined : timeOf(head);
  if (head === null || t === undefined) return undefined;
  const request = match(QUOTED, line, head[0].length);
  const result = request && match(STATUS, line, request.end);
  const [, method, url] = REQUEST.exec(unescape(request?.groups[1] ?? '')) ?? [];
  if (result === undefined || method === undefined || url === undefined) return undefined;

  const click = { t, ip: head[1] ?? '', method, url, status: Number(result.groups[1]) };
  const bytes = result.groups[2] === '-' ? {} : { bytes: Number(result.groups[2]) };
  if (result.end === line.length) return { ...click, ...bytes };
  // A line that goes on is "combined": then both texts are there, or it was cut off.
  if (!line.startsWith(' "', result.end)) return undefined;
  const referrer = match(QUOTED, line, result.end + 2);
  if (referrer === undefined || !line.startsWith(' "', referrer.end)) return undefined;
  const agent = match(QUOTED, line, referrer.end + 2);
  if (agent === undefined) return undefined;
  return {
    ...click,
    ...bytes,
    ...present('referrer', referrer.groups[1]),
    ...present('user_agent', agent.groups[1]),
  };
}

function match(
  pattern: RegExp,
  line: string,
  at: number,
): { groups: RegExpExecArray; end: number } | undefined {
  pattern.lastIndex = at;
  const groups = pattern.exec(line);
  return groups === null ? undefined : { groups, end: pattern.lastIndex };
}

const present = <K extends string>(key: K, text = '-'): { readonly [P in K]?: string } =>
  text === '-' || text === '' ? {} : ({ [key]: unescape(text) } as { readonly [P in K]: string });

/** Quotes and backslashes only: `\x16` stays as the log has it. */
const unescape = (text: string): string => (text.includes('\\') ? text.replace(/\\(["\\])/g, '$1') : text);

function timeOf(head: RegExpExecArray): number | undefined {
  const [day, year, hour, minute, second] = [2, 4, 5, 6, 7].map((group) => Number(head[group]));
  const month = MONTHS.indexOf(head[3] ?? '');
  const time = Date.UTC(year ?? 0, month, day, hour, minute, second);
  const real = month >= 0 && new Date(Date.UTC(year ?? 0, month, day)).getUTCDate() === day;
  if (!real || (hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 60) return undefined;
  const offset = (Number(head[9]) * 60 + Number(head[10])) * 60_000;
  return head[8] === '-' ? time + offset : time - offset;
}
