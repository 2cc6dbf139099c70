/** The parameters of a request, checked one by one: what is unknown, malformed or out of bounds is named. */
import { KEYWORD_LENGTH, type FigureFilter } from '../../clients/elasticsearch/index.js';
import { countrySpellings } from '../../domain/country.js';
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

/**
 * The parameters of an address as it was sent. What is no UTF-8 once it is decoded would become other letters in
 * silence, and ask for what nobody meant.
 * @param query behind the question mark
 */
export function readParameters(query: string): URLSearchParams {
  for (const pair of query.split('&')) {
    const [name = '', ...value] = pair.split('=');
    try {
      if (/[^!-~]/.test(pair)) throw new URIError('unencoded');
      decodeURIComponent(name);
      decodeURIComponent(value.join('='));
    } catch {
      throw new BadParameter(
        name.slice(0, SHOWN),
        `expected UTF-8, percent-encoded (a percent sign is %25), got ${quoted(value.join('='))}`,
      );
    }
  }
  return new URLSearchParams(query);
}

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

/** No event has such a text: it is rejected before. */
function checkText(name: string, text: string, most: number): void {
  if (text.includes('\0')) throw new BadParameter(name, 'expected text without NUL (%00), got a NUL in it');
  if (text.length > most)
    throw new BadParameter(name, `expected at most ${most} characters, got ${text.length}`);
}

export function filterOf(params: URLSearchParams): Filter {
  const [url, words, countries] = [params.get('url'), params.get('q'), params.getAll('country')];
  if (url === '') throw new BadParameter('url', 'expected a URL, got nothing; without it there are all');
  if (url !== null) checkText('url', url, KEYWORD_LENGTH);
  if (words !== null) checkText('q', words, LONGEST_WORDS);
  if (countries.length > MOST_COUNTRIES)
    throw new BadParameter('country', `expected at most ${MOST_COUNTRIES}, got ${countries.length}`);
  for (const country of countries) {
    if (country === '')
      throw new BadParameter('country', 'expected a country as the figures have it, or ZZ, got nothing');
    checkText('country', country, KEYWORD_LENGTH);
  }
  return {
    ...(url !== null && { url }),
    ...(words !== null && words.trim() !== '' && { words }),
    ...(countries.length > 0 && { country: countries.flatMap(countrySpellings) }),
  };
}
