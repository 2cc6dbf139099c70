/**
 * Times in a spelling of the source's own, `dd/MMM/yyyy:HH:mm:ss Z`, compiled to a reader.
 *
 * | letters | mean |
 * |---|---|
 * | `yyyy` | year, four digits |
 * | `MM`, `M` | month, two digits; one or two |
 * | `MMM`, `MMMM` | month by its English name, short or whole, in any case |
 * | `dd`, `d` | day of the month |
 * | `HH`, `H` | hour, 0 to 23 |
 * | `hh`, `h` with `a` | hour, 1 to 12, with AM or PM |
 * | `mm`, `m`, `ss`, `s` | minute, second (`60` is the next second) |
 * | `S` to `SSSSSSSSS` | so many digits of the second's fraction |
 * | `Z`, `X`, `XX`, `XXX` | offset: `Z`, `+05`, `+0530` or `+05:30` |
 * | `EEE`, `EEEE` | day of the week, not compared with the date |
 * | `'T'`, `''` | the text T, a quote; whatever is no letter stands for itself |
 */
import { countDigits, daysSince1970, digits, fractionMicros, readOffset, type CivilReader } from './civil.js';

/** Why a text is no pattern; completes the sentence "expected …". */
export class NoPattern {
  constructor(readonly expected: string) {}
}

interface Fields {
  year: number;
  month: number;
  day: number;
  hour: number;
  /** 12 for PM, 0 for AM, NaN where the hour is of 24. */
  half: number;
  minute: number;
  second: number;
  micros: number;
  offset: number;
}

/** Reads at a position into the fields. @returns where it ends, -1 when it does not fit */
type Step = (text: string, at: number, fields: Fields) => number;
type Part = keyof Fields | 'weekday';

const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const SHORT = 3;

/** Exactly two digits, or one or two. */
const number =
  (
    part: Exclude<keyof Fields, 'half' | 'micros' | 'offset'>,
    min: number,
    max: number,
    exact: boolean,
  ): Step =>
  (text, at, fields) => {
    const count = exact ? 2 : countDigits(text, at, 2);
    const value = count === 0 ? -1 : digits(text, at, count);
    if (value < min || value > max) return -1;
    fields[part] = value;
    return at + count;
  };

const year: Step = (text, at, fields) => {
  fields.year = digits(text, at, 4);
  return fields.year < 0 ? -1 : at + 4;
};

/** The index of the name that stands at a position. */
function nameAt(names: readonly string[], text: string, at: number, whole: boolean): number {
  for (const [i, name] of names.entries()) {
    const wanted = whole ? name : name.slice(0, SHORT);
    if (text.slice(at, at + wanted.length).toLowerCase() === wanted) return i;
  }
  return -1;
}

const monthName =
  (whole: boolean): Step =>
  (text, at, fields) => {
    const month = nameAt(MONTHS, text, at, whole);
    if (month < 0) return -1;
    fields.month = month + 1;
    return at + (whole ? (MONTHS[month] ?? '').length : SHORT);
  };

const weekday =
  (whole: boolean): Step =>
  (text, at) => {
    const day = nameAt(WEEKDAYS, text, at, whole);
    return day < 0 ? -1 : at + (whole ? (WEEKDAYS[day] ?? '').length : SHORT);
  };

const half: Step = (text, at, fields) => {
  const found = text.slice(at, at + 2).toLowerCase();
  if (found !== 'am' && found !== 'pm') return -1;
  fields.half = found === 'pm' ? 12 : 0;
  return at + 2;
};

const fraction =
  (count: number): Step =>
  (text, at, fields) => {
    if (countDigits(text, at, count) < count) return -1;
    fields.micros = fractionMicros(text, at, count);
    return at + count;
  };

const literal =
  (wanted: string): Step =>
  (text, at) =>
    text.startsWith(wanted, at) ? at + wanted.length : -1;

const LETTERS: Readonly<Record<string, readonly [Part, Step]>> = {
  yyyy: ['year', year],
  M: ['month', number('month', 1, 12, false)],
  MM: ['month', number('month', 1, 12, true)],
  MMM: ['month', monthName(false)],
  MMMM: ['month', monthName(true)],
  d: ['day', number('day', 1, 31, false)],
  dd: ['day', number('day', 1, 31, true)],
  H: ['hour', number('hour', 0, 23, false)],
  HH: ['hour', number('hour', 0, 23, true)],
  h: ['hour', number('hour', 1, 12, false)],
  hh: ['hour', number('hour', 1, 12, true)],
  a: ['half', half],
  m: ['minute', number('minute', 0, 59, false)],
  mm: ['minute', number('minute', 0, 59, true)],
  s: ['second', number('second', 0, 60, false)],
  ss: ['second', number('second', 0, 60, true)],
  ...Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => ['S'.repeat(i + 1), ['micros', fraction(i + 1)] as const]),
  ),
  Z: ['offset', readOffset],
  X: ['offset', readOffset],
  XX: ['offset', readOffset],
  XXX: ['offset', readOffset],
  EEE: ['weekday', weekday(false)],
  EEEE: ['weekday', weekday(true)],
};

const TOKEN = /'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'/y;

export function compileTimePattern(pattern: string): CivilReader | NoPattern {
  const steps: Step[] = [];
  const parts = new Map<Part, string>();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < pattern.length) {
    const [token = '', quoted, letter] = TOKEN.exec(pattern) ?? [];
    if (token === "'") return new NoPattern('a time pattern with a second quote for each');
    if (letter === undefined) {
      steps.push(literal(quoted === undefined ? token : quoted === '' ? "'" : quoted.replaceAll("''", "'")));
      continue;
    }
    const known = Object.hasOwn(LETTERS, token) ? LETTERS[token] : undefined;
    if (known === undefined) return new NoPattern(unknownLetters(token));
    const [part, step] = known;
    const earlier = parts.get(part);
    if (earlier !== undefined) return new NoPattern(`a time pattern with ${earlier} or ${token}, not both`);
    parts.set(part, token);
    steps.push(step);
  }
  return incomplete(parts) ?? reader(steps);
}

function unknownLetters(token: string): string {
  const sameLetter = Object.keys(LETTERS).filter((one) => one[0]?.toLowerCase() === token[0]?.toLowerCase());
  const meant = sameLetter.length === 0 ? '' : `; ${token[0]} is written ${sameLetter.join(', ')}`;
  return `a time pattern of the letters yyyy MM dd HH mm ss S Z, other letters in quotes such as 'T'; got ${token}${meant}`;
}

function incomplete(parts: ReadonlyMap<Part, string>): NoPattern | undefined {
  for (const [part, letters] of [
    ['year', 'yyyy'],
    ['month', 'MM'],
    ['day', 'dd'],
  ] as const) {
    if (!parts.has(part)) return new NoPattern(`a time pattern with a ${part}, ${letters}`);
  }
  const twelve = parts.get('hour')?.startsWith('h') ?? false;
  if (twelve === parts.has('half')) return undefined;
  return new NoPattern(
    twelve ? 'a time pattern with a (AM or PM) beside hh, or with HH' : 'a time pattern with hh beside a',
  );
}

function reader(steps: readonly Step[]): CivilReader {
  const fields: Fields = {
    year: 0,
    month: 0,
    day: 0,
    hour: 0,
    half: NaN,
    minute: 0,
    second: 0,
    micros: 0,
    offset: NaN,
  };
  return (text, civil) => {
    let at = 0;
    for (const step of steps) {
      at = step(text, at, fields);
      if (at < 0) return false;
    }
    const days = at === text.length ? daysSince1970(fields.year, fields.month, fields.day) : undefined;
    if (days === undefined) return false;
    const hour = Number.isNaN(fields.half) ? fields.hour : (fields.hour % 12) + fields.half;
    civil.days = days;
    civil.seconds = hour * 3600 + fields.minute * 60 + fields.second;
    civil.micros = fields.micros;
    civil.offset = fields.offset;
    return true;
  };
}
