/** The parameters of a request, checked one by one: what is unknown, malformed or out of bounds is named. */
import { KEYWORD_LENGTH, type FigureFilter } from '../../clients/elasticsearch/index.js';
import { isoInstant } from '../../domain/time.js';

export class BadParameter extends Error {
  constructor(
    readonly parameter: string,
    message: string,
  ) {
    super(`${parameter}: ${message}`);
  }
}

/** What narrows the figures besides their time. */
export type Filter = Pick<FigureFilter, 'url' | 'words' | 'country'>;

const LONGEST_WORDS = 200;
/** As many as there are countries, and then some. */
const MOST_COUNTRIES = 300;
const SHOWN = 60;

export const COMMON = ['from', 'to', 'grain', 'url', 'q', 'country'] as const;

const quoted = (value: string): string => `'${value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value}'`;

/** Refuses parameters that are not `known`, and those that come twice though only one can hold. */
export function checkNames(params: URLSearchParams, known: readonly string[]): void {
  for (const name of new Set(params.keys())) {
    if (!known.includes(name))
      throw new BadParameter(name.slice(0, SHOWN), `unknown; there are ${known.join(', ')}`);
    if (name !== 'country' && params.getAll(name).length > 1)
      throw new BadParameter(name, 'expected once, got several');
  }
}

/** An instant in ms since 1970; undefined where the range is open. */
export function instant(params: URLSearchParams, name: 'from' | 'to'): number | undefined {
  const text = params.get(name);
  if (text === null) return undefined;
  const at = isoInstant(text);
  if (at === undefined)
    throw new BadParameter(name, `expected an ISO date or time such as 2026-11-28, got ${quoted(text)}`);
  return at;
}

export function oneOf<T extends string>(
  params: URLSearchParams,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = params.get(name);
  if (text === null) return undefined;
  const choice = choices.find((one) => one === text);
  if (choice === undefined)
    throw new BadParameter(name, `expected one of ${choices.join(', ')}, got ${quoted(text)}`);
  return choice;
}

export function count(params: URLSearchParams, name: string, most: number, otherwise: number): number {
  const text = params.get(name);
  if (text === null) return otherwise;
  if (!/^[1-9]\d*$/.test(text) || Number(text) > most)
    throw new BadParameter(name, `expected a whole number from 1 to ${most}, got ${quoted(text)}`);
  return Number(text);
}

export function filterOf(params: URLSearchParams): Filter {
  const [url, words, countries] = [params.get('url'), params.get('q'), params.getAll('country')];
  if (url !== null && url.length > KEYWORD_LENGTH)
    throw new BadParameter('url', `expected at most ${KEYWORD_LENGTH} characters, got ${url.length}`);
  if (words !== null && words.length > LONGEST_WORDS)
    throw new BadParameter('q', `expected at most ${LONGEST_WORDS} characters, got ${words.length}`);
  if (countries.length > MOST_COUNTRIES)
    throw new BadParameter('country', `expected at most ${MOST_COUNTRIES}, got ${countries.length}`);
  for (const country of countries)
    if (!/^[A-Za-z]{2}$/.test(country))
      throw new BadParameter('country', `expected two letters such as DE, got ${quoted(country)}`);
  return {
    ...(url !== null && { url }),
    ...(words !== null && words.trim() !== '' && { words }),
    ...(countries.length > 0 && { country: countries.map((country) => country.toUpperCase()) }),
  };
}
