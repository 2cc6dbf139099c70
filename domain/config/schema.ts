/**
 * The grammar of the configuration file. One definition gives the checks, the defaults and the JSON Schema
 * for editors. The text that each check carries completes the sentence "expected …".
 */
import { z } from 'zod';
import { GRAMMAR_TYPES } from './grammar.js';
import { conditions, places } from './placeSchema.js';
import {
  AGE_PATTERN,
  DAY,
  DURATION_PATTERN,
  formatAge,
  formatDuration,
  formatSize,
  HOUR,
  MAX_AGE_DAYS,
  MINUTE,
  parseDays,
  parseDuration,
  parseSize,
  SECOND,
  SIZE_PATTERN,
} from './units.js';
import type { Family } from '../names.js';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;
const TiB = 2 ** 40;

const INSTALLATION_NAME = /^[a-z][a-z0-9_]{0,30}$/;
/** PostgreSQL cuts names at 63 bytes. */
export const COLUMN_NAME = /^[a-z][a-z0-9_]{0,62}$/;
const TOPIC_NAME = /^[a-zA-Z0-9._-]{1,249}$/;

const wholeNumber = (min: number, max: number) => {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
const flag = () => z.boolean({ error: 'true or false' });
const mapping = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape, { error: mappingError });
const mappingError: z.core.$ZodErrorMap = (issue) =>
  issue.code === 'invalid_type' ? 'a mapping' : undefined;

const size = (min: number, max: number) => {
  const error = `a size from ${formatSize(min)} to ${formatSize(max)}, such as 32MiB`;
  return z
    .string({ error })
    .regex(SIZE_PATTERN, { error })
    .refine((text) => within(parseSize(text), min, max), { error })
    .transform((text) => parseSize(text) ?? min);
};
const duration = (min: number, max: number) => {
  const error = `a duration from ${formatDuration(min)} to ${formatDuration(max)}, such as 30s or 5m`;
  return z
    .string({ error })
    .regex(DURATION_PATTERN, { error })
    .refine((text) => within(parseDuration(text), min, max), { error })
    .transform((text) => parseDuration(text) ?? min);
};
const within = (value: number | undefined, min: number, max: number): boolean =>
  value !== undefined && value >= min && value <= max;

const AGE_ERROR = `never, or days from 1d to ${MAX_AGE_DAYS}d such as 400d`;
/** `never`, or a number of days. */
const age = () =>
  z
    .string({ error: AGE_ERROR })
    .regex(AGE_PATTERN, { error: AGE_ERROR })
    .refine((text) => text === 'never' || within(parseDays(text), 1, MAX_AGE_DAYS), { error: AGE_ERROR })
    .transform((text) => parseDays(text) ?? ('never' as const));

const START_ERROR = 'earliest, latest or a time with zone such as 2026-01-31T00:00:00Z';
const start = z.union(
  [
    z.enum(['earliest', 'latest']),
    z.iso.datetime({ offset: true }).transform((text) => ({ time: new Date(text).toISOString() })),
  ],
  { error: START_ERROR },
);

const FORMAT_ERROR = 'iso, epoch_s, epoch_ms, epoch_us or a pattern such as dd/MMM/yyyy:HH:mm:ss Z';
const ZONE_ERROR = 'UTC, an offset such as "+05:30" or a name such as Europe/Berlin';
const source = (what: string) =>
  mapping({ from: places.describe(`Places that hold ${what}; the first with a value wins`) });

const column = mapping({
  type: z
    .enum(GRAMMAR_TYPES, { error: `one of ${GRAMMAR_TYPES.join(', ')}` })
    .describe('Type of the column in PostgreSQL; a value that does not fit rejects the event'),
  from: places.describe('Places to take the value from; the first that has one wins'),
  required: flag().prefault(false).describe('An event without this value is rejected'),
});
const family = z.record(
  z
    .string()
    .regex(COLUMN_NAME, { error: 'a column name: a-z first, then a-z, 0-9 and _, at most 63 characters' }),
  column,
  { error: 'a mapping of column names, or {}' },
);

const role = (what: string, families: readonly Family[]) => {
  const error = `family.column, in ${families.join(' or ')}`;
  return z
    .string({ error })
    .regex(new RegExp(`^(${families.join('|')})\\.[a-z][a-z0-9_]*$`), { error })
    .describe(what);
};

export const configSchema = mapping({
  version: z.literal(1, { error: '1, the version of this grammar' }),
  name: z
    .string({ error: 'a name: a-z first, then a-z, 0-9 and _, at most 31 characters' })
    .regex(INSTALLATION_NAME, { error: 'a name: a-z first, then a-z, 0-9 and _, at most 31 characters' })
    .refine((name) => !/^(public$|pg_|information_schema$)/.test(name), {
      error: 'a name that PostgreSQL does not reserve (public, information_schema, pg_…)',
    })
    .describe(
      'PostgreSQL schema, prefix of indices, queues and workflow ids; several installations share servers',
    ),
  kafka: mapping({
    topics: z
      .array(
        z
          .string({ error: 'a topic name' })
          .regex(TOPIC_NAME, { error: 'a topic name: letters, digits, . _ and -, at most 249' })
          .refine((name) => name !== '.' && name !== '..', { error: 'a topic name other than . and ..' }),
        { error: 'a list of topic names' },
      )
      .min(1, { error: 'at least one topic' })
      .refine((topics) => new Set(topics).size === topics.length, { error: 'every topic once' })
      .describe('Topics to read'),
    start: start
      .prefault('earliest')
      .describe(
        'Where to begin in a partition that PostgreSQL has no offset for: earliest, latest or a time',
      ),
    create: mapping({ partitions: wholeNumber(1, 8192).describe('Partitions of a topic that is made') })
      .optional()
      .describe('Make missing topics; without it a missing topic is an error'),
  }),
  ingest: mapping({
    shards: wholeNumber(1, 8192).optional().describe('Lanes a topic is read in; default min(partitions, 2)'),
    batch: mapping({
      records: wholeNumber(1, 1_000_000).prefault(100_000).describe('Records of a batch at most'),
      bytes: size(1 * KiB, 1 * GiB)
        .prefault('64MiB')
        .describe('Size of a batch at most'),
      wait: duration(10, 5 * MINUTE)
        .prefault('5s')
        .describe('How long a batch stays open after its first record'),
    }).prefault({}),
    spool: mapping({
      dir: z
        .string({ error: 'a folder' })
        .min(1, { error: 'a folder' })
        .optional()
        .describe('Folder of the spool'),
      bytes: size(1 * MiB, 1 * TiB)
        .prefault('1GiB')
        .describe('Bound of the spool'),
    }).prefault({}),
  }).prefault({}),
  event: mapping({
    value: z.literal('json', { error: 'json' }).prefault('json').describe('Format of a record'),
    where: conditions
      .prefault([])
      .describe('All must hold; records of which one does not are filtered: counted, and not kept'),
    nulls: z
      .array(z.string({ error: 'a text, in quotes' }), { error: "a list of texts such as ['', '-']" })
      .prefault([])
      .describe('Texts that count as missing, besides null and absence'),
    id: source('the id of the event; without one it is made from source and offset').optional(),
    time: mapping({
      from: places.describe('Places that hold the time of the event'),
      formats: z
        .array(z.string({ error: FORMAT_ERROR }), { error: `a list such as [iso, epoch_ms]` })
        .min(1, { error: 'at least one format' })
        .refine((formats) => new Set(formats).size === formats.length, { error: 'every format once' })
        .prefault(['iso', 'epoch_ms'])
        .describe(
          'How times are written: iso, epoch_s, epoch_ms, epoch_us or a pattern such as dd/MMM/yyyy:HH:mm:ss Z; of several epoch units the plausible one is taken',
        ),
      zone: z
        .string({ error: ZONE_ERROR })
        .prefault('UTC')
        .describe('Zone of a time that names none: UTC, +05:30 or a name such as Europe/Berlin'),
    }),
    address: source('the client address; feeds $geoip and $visitor').optional(),
    agent: source('the user agent; feeds $ua and $visitor').optional(),
    referrer: source('the page before; feeds $referrer').optional(),
    normalize_url: flag()
      .prefault(false)
      .describe(
        'Whether the page is normalised: scheme and host in lower case, no default port, no fragment, / for an empty path',
      ),
  }),
  families: mapping({
    click_data: family.describe('Columns of the click itself'),
    geo_data: family.prefault({}).describe('Columns of where it came from'),
    user_agent_data: family.prefault({}).describe('Columns of what it was made with'),
  } satisfies Record<Family, unknown>),
  roles: mapping({
    url: role('The page: text, required', ['click_data']),
    user: role('Who clicked: any type but jsonb', ['click_data', 'geo_data']).optional(),
    session: role('The visit: any type but jsonb', ['click_data', 'geo_data']).optional(),
    time_spent: role('Time spent on the page, ms: integer, bigint or double', [
      'click_data',
      'geo_data',
    ]).optional(),
    bot: role('Whether a machine clicked: boolean', ['click_data']).optional(),
    country: role('The country: text', ['click_data', 'geo_data']).optional(),
  }),
  analyze: mapping({
    schedule: duration(10 * SECOND, 1 * DAY)
      .prefault('1m')
      .describe('How often the schedule runs'),
    workflow: z
      .enum(['pipeline', 'analyze'], { error: 'pipeline or analyze' })
      .prefault('pipeline')
      .describe('What the schedule runs: pipeline, or analyze beside a continuous ingest'),
    session_timeout: duration(1 * SECOND, 12 * HOUR)
      .prefault('30m')
      .describe('A longer gap between two clicks ends the session'),
    index_patience: duration(1 * SECOND, 1 * DAY)
      .prefault('5m')
      .describe('How long indexing tries before a run ends as "aggregated, index behind"'),
  }).prefault({}),
  retention: mapping({
    clicks: age()
      .prefault('never')
      .describe('How long clicks stay, in whole UTC days; their figures stay for ever'),
    dead_letters: age().prefault('30d').describe('How long dead letters stay'),
  }).prefault({}),
  temporal: mapping({
    search_attributes: flag().prefault(true).describe('Whether workflows carry search attributes'),
  }).prefault({}),
});

export type RawConfig = z.output<typeof configSchema>;

/** The part whose settings refer to each other. */
export type RawMapping = Pick<RawConfig, 'event' | 'families' | 'roles'>;

/** Back to the spelling of the file, every default filled in. */
export const toGrammar = (raw: RawConfig): z.input<typeof configSchema> => ({
  ...raw,
  kafka: {
    ...raw.kafka,
    start: typeof raw.kafka.start === 'string' ? raw.kafka.start : raw.kafka.start.time,
  },
  ingest: {
    ...raw.ingest,
    batch: {
      records: raw.ingest.batch.records,
      bytes: formatSize(raw.ingest.batch.bytes),
      wait: formatDuration(raw.ingest.batch.wait),
    },
    spool: { ...raw.ingest.spool, bytes: formatSize(raw.ingest.spool.bytes) },
  },
  analyze: {
    schedule: formatDuration(raw.analyze.schedule),
    workflow: raw.analyze.workflow,
    session_timeout: formatDuration(raw.analyze.session_timeout),
    index_patience: formatDuration(raw.analyze.index_patience),
  },
  retention: {
    clicks: formatAge(raw.retention.clicks),
    dead_letters: formatAge(raw.retention.dead_letters),
  },
});

/** The JSON Schema that editors use (draft 2020-12). */
export function configJsonSchema(): object {
  return { title: 'clickstream configuration', ...z.toJSONSchema(configSchema, { io: 'input' }) };
}
