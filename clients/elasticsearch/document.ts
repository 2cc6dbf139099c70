/** The lines of a bulk request, written as bytes into memory that has room; each function returns where it ended. */
import type { FigureRow, Int64, Span } from '../../domain/figure.js';

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const HEX = ascii('0123456789abcdef');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const ZERO = 0x30;
const POINT = 0x2e;
const LARGEST_INT32 = 0x7fffffff;

const INDEX = ascii('{"index":{"_id":"');
const DELETE = ascii('{"delete":{"_id":"');
const VERSION = ascii('","version":');
/** An older version never wins over a newer one. */
const EXTERNAL = ascii(',"version_type":"external"}}\n');
const GRAINS = {
  hour: ascii('{"grain":"hour","window_start":'),
  day: ascii('{"grain":"day","window_start":'),
  month: ascii('{"grain":"month","window_start":'),
  total: ascii('{"grain":"total","window_start":'),
} as const;
const URL = ascii(',"url":"');
const COUNTRY = ascii('","country":"');
const CLICK_COUNT = ascii('","click_count":');
const BOT_CLICKS = ascii(',"bot_clicks":');
const UNIQUE_USERS = ascii(',"unique_users":');
const EXACT = ascii(',"unique_users_exact":true,"timed_clicks":');
const INEXACT = ascii(',"unique_users_exact":false,"timed_clicks":');
const TOTAL_TIME = ascii(',"total_time_spent_ms":');
const AVG_TIME = ascii(',"avg_time_spent_ms":');
const MEDIAN_TIME = ascii(',"median_time_spent_ms":');
const P90_TIME = ascii(',"p90_time_spent_ms":');
const DOCUMENT_VERSION = ascii(',"version":');
const DOCUMENT_END = ascii('}\n');
const NULL = ascii('null');

/** What `writeLines` writes at most besides the id and the texts, bytes. */
const FRAME = 1024;

// Values are short: loops over them are quicker than calls out of JavaScript.

function put(to: Uint8Array, at: number, from: Uint8Array): number {
  const { length } = from;
  for (let i = 0; i < length; i++) to[at + i] = from[i] as number;
  return at + length;
}

function putAscii(to: Uint8Array, at: number, text: string): number {
  const { length } = text;
  for (let i = 0; i < length; i++) to[at + i] = text.charCodeAt(i);
  return at + length;
}

function putHex(to: Uint8Array, start: number, { bytes, from, to: end }: Span): number {
  let at = start;
  for (let i = from; i < end; i++) {
    const byte = bytes[i] as number;
    to[at++] = HEX[byte >> 4] as number;
    to[at++] = HEX[byte & 15] as number;
  }
  return at;
}

function putInteger(to: Uint8Array, at: number, value: Int64): number {
  if (typeof value !== 'number' || value < 0 || value > LARGEST_INT32) return putAscii(to, at, String(value));
  let digits = 1;
  for (let power = 10; power <= value; power *= 10) digits += 1;
  let rest = value | 0;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = (rest / 10) | 0;
    to[i] = ZERO + rest - next * 10;
    rest = next;
  }
  return at + digits;
}

/** As JSON has it: what is no number is null. */
function putDouble(to: Uint8Array, at: number, value: number | null): number {
  if (value === null || !Number.isFinite(value)) return put(to, at, NULL);
  const thousandths = Math.round(value * 1000);
  // A few digits that give the number again are the shortest that do.
  return thousandths >= 0 && thousandths <= LARGEST_INT32 && thousandths / 1000 === value
    ? putThousandths(to, at, thousandths)
    : putAscii(to, at, String(value));
}

function putThousandths(to: Uint8Array, start: number, value: number): number {
  const whole = (value / 1000) | 0;
  let at = putInteger(to, start, whole);
  const fraction = value - whole * 1000;
  if (fraction === 0) return at;
  // A one in the point's place keeps the zeros behind it.
  putInteger(to, at, fraction + 1000);
  to[at] = POINT;
  at += 4;
  while (to[at - 1] === ZERO) at -= 1;
  return at;
}

/** The inside of a JSON string; −1 where a byte needs an escape. */
function putPlain(to: Uint8Array, start: number, { bytes, from, to: end }: Span): number {
  let at = start;
  for (let i = from; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < SPACE || byte === QUOTE || byte === BACKSLASH) return -1;
    to[at++] = byte;
  }
  return at;
}

const escaped = ({ bytes, from, to }: Span): Uint8Array =>
  Buffer.from(
    JSON.stringify(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString()).slice(1, -1),
  );

/** At most so many bytes `writeLines` writes for a figure. */
export function roomFor({ id, url, country }: FigureRow): number {
  // A control character becomes six.
  return FRAME + 2 * (id.to - id.from) + 6 * (url.to - url.from + country.to - country.from);
}

function putText(to: Uint8Array, start: number, text: Span): number {
  const at = putPlain(to, start, text);
  if (at >= 0) return at;
  const bytes = escaped(text);
  to.set(bytes, start);
  return start + bytes.length;
}

/** The lines of one figure in the body of a bulk request to its write alias, each ended. */
export function writeLines(to: Uint8Array, start: number, row: FigureRow): number {
  let at = put(to, start, row.deleted ? DELETE : INDEX);
  at = putHex(to, at, row.id);
  at = put(to, at, VERSION);
  at = putInteger(to, at, row.version);
  at = put(to, at, EXTERNAL);
  if (row.deleted) return at;
  at = put(to, at, GRAINS[row.grain]);
  if (row.windowStart === null) {
    at = put(to, at, NULL);
  } else {
    to[at] = QUOTE;
    at = putAscii(to, at + 1, row.windowStart);
    to[at++] = QUOTE;
  }
  at = put(to, at, URL);
  at = putText(to, at, row.url);
  at = put(to, at, COUNTRY);
  at = putText(to, at, row.country);
  at = put(to, at, CLICK_COUNT);
  at = putInteger(to, at, row.clickCount);
  at = put(to, at, BOT_CLICKS);
  at = putInteger(to, at, row.botClicks);
  at = put(to, at, UNIQUE_USERS);
  at = putInteger(to, at, row.uniqueUsers);
  at = put(to, at, row.uniqueUsersExact ? EXACT : INEXACT);
  at = putInteger(to, at, row.timedClicks);
  at = put(to, at, TOTAL_TIME);
  at = putInteger(to, at, row.totalTimeSpentMs);
  at = put(to, at, AVG_TIME);
  at = putDouble(to, at, row.avgTimeSpentMs);
  at = put(to, at, MEDIAN_TIME);
  at = putDouble(to, at, row.medianTimeSpentMs);
  at = put(to, at, P90_TIME);
  at = putDouble(to, at, row.p90TimeSpentMs);
  at = put(to, at, DOCUMENT_VERSION);
  at = putInteger(to, at, row.version);
  return put(to, at, DOCUMENT_END);
}
