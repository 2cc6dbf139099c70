/**
 * The enrichments: what can be known of an event beyond what stands in it.
 *
 * - `$geoip` from the address (event.address), `$ua` from the agent (event.agent), `$visitor` from both.
 * - `$url` from the value of the column with the role url, `$referrer` from event.referrer: `host` in lower case
 *   without port and user, `path`, `query` and `fragment` as written, `query.<name>` and `utm_…` with the first
 *   parameter of that name, decoded. An empty part is missing; a relative URL has neither scheme nor host.
 * - `$kafka` from the record itself. `$kafka.timestamp` is a time, whatever the formats of event.time are.
 */
import type { ColumnType, Enrichment, NamedPlace } from './config.js';
import { GRAMMAR_TYPES } from './grammar.js';
import { nearest } from './nearest.js';
import { NoPlace } from './noPlace.js';

/** Where an enrichment is made from: settings of `event`, or the column with the role url. */
export type Input = 'address' | 'agent' | 'referrer' | 'url';

interface Kind {
  readonly inputs: readonly Input[];
  /** The fields and the column types that hold them; '' is the enrichment itself. */
  readonly fields: Readonly<Record<string, readonly ColumnType[]>>;
  /** In front of a name of the user's. */
  readonly open?: string;
}

const TEXT = ['text'] as const;
const LOCATION: Kind['fields'] = {
  scheme: TEXT,
  host: TEXT,
  path: TEXT,
  query: TEXT,
  fragment: TEXT,
  utm_source: TEXT,
  utm_medium: TEXT,
  utm_campaign: TEXT,
  utm_term: TEXT,
  utm_content: TEXT,
};

export const ENRICHMENT_KINDS: Readonly<Record<Enrichment, Kind>> = {
  $geoip: { inputs: ['address'], fields: { country: TEXT } },
  $ua: {
    inputs: ['agent'],
    fields: {
      browser: TEXT,
      browser_version: TEXT,
      os: TEXT,
      os_version: TEXT,
      device: TEXT,
      is_bot: ['boolean', 'text'],
    },
  },
  $url: { inputs: ['url'], fields: LOCATION, open: 'query.' },
  $referrer: { inputs: ['referrer'], fields: LOCATION, open: 'query.' },
  $kafka: {
    inputs: [],
    fields: {
      topic: TEXT,
      partition: ['integer', 'bigint', 'text'],
      offset: ['bigint', 'text'],
      timestamp: ['timestamptz', 'date'],
      key: GRAMMAR_TYPES,
    },
  },
  $visitor: { inputs: ['address'], fields: { '': TEXT } },
};

const isEnrichment = (name: string): name is Enrichment => Object.hasOwn(ENRICHMENT_KINDS, name);

const spell = (enrichment: string, field: string): string =>
  field === '' ? enrichment : `${enrichment}.${field}`;

export function parseEnrichment(written: string): NamedPlace | NoPlace {
  const dot = written.indexOf('.');
  const enrichment = dot < 0 ? written : written.slice(0, dot);
  const field = dot < 0 ? '' : written.slice(dot + 1);
  if (!isEnrichment(enrichment)) {
    const all = Object.entries(ENRICHMENT_KINDS);
    const spellings = all.flatMap(([name, { fields }]) => Object.keys(fields).map((one) => spell(name, one)));
    return noPlace(`an enrichment (${all.map(([name]) => name).join(', ')})`, written, spellings);
  }
  const { fields, open } = ENRICHMENT_KINDS[enrichment];
  const isNamed = open !== undefined && field.startsWith(open) && field.length > open.length;
  if (isNamed || Object.hasOwn(fields, field)) return { kind: 'enrichment', enrichment, field };
  const spellings = Object.keys(fields).map((one) => spell(enrichment, one));
  return noPlace(`one of ${spellings.join(', ')}`, written, spellings);
}

function noPlace(expected: string, written: string, spellings: readonly string[]): NoPlace {
  const meant = nearest(written, spellings);
  return new NoPlace(meant === undefined ? expected : `${expected}, perhaps ${meant}`);
}

/** The column types that hold an enrichment. */
export function typesOf({ enrichment, field }: NamedPlace & { kind: 'enrichment' }): readonly ColumnType[] {
  const { fields } = ENRICHMENT_KINDS[enrichment];
  // A parameter of a query is text that anybody typed: like text in the event it becomes what the column is.
  return Object.hasOwn(fields, field) ? (fields[field] ?? []) : GRAMMAR_TYPES;
}
