/**
 * Checks that need two settings at once (a role and its column, an enrichment and its input), and the step
 * from the file's grammar to the `Config` that the rest of the code trusts.
 */
import { FAMILIES, type Family } from '../names.js';
import type { Column, ColumnType, Config, Place, Roles } from './config.js';
import type { PathPart } from './document.js';
import { nearest } from './nearest.js';
import { ENRICHMENT_FIELDS, parsePlace, spellPlace } from './places.js';
import type { RawConfig, RawMapping } from './schema.js';

/** `key`: the complaint is about the key itself. */
export type Complain = (path: readonly PathPart[], message: string, about?: 'key') => void;

/** Columns that every family table has beside the configured ones, and PostgreSQL's own. */
const RESERVED_COLUMNS = [
  'click_id',
  'event_id',
  'event_time',
  'tableoid',
  'xmin',
  'xmax',
  'cmin',
  'cmax',
  'ctid',
];
/** PostgreSQL holds 1,600 columns; a COPY of so wide a row would be a mistake long before. */
const MAX_COLUMNS = 500;

export function toConfig(raw: RawConfig, complain: Complain): Config {
  const { kafka, ingest, analyze } = raw;
  return {
    name: raw.name,
    kafka: { topics: kafka.topics, start: kafka.start, ...(kafka.create && { create: kafka.create }) },
    ingest: {
      ...(ingest.shards !== undefined && { shards: ingest.shards }),
      batch: { records: ingest.batch.records, bytes: ingest.batch.bytes, waitMs: ingest.batch.wait },
      spool: {
        ...(ingest.spool.dir !== undefined && { dir: ingest.spool.dir }),
        bytes: ingest.spool.bytes,
      },
    },
    ...toMapping(raw, complain),
    analyze: {
      scheduleMs: analyze.schedule,
      workflow: analyze.workflow,
      sessionTimeoutMs: analyze.session_timeout,
      indexPatienceMs: analyze.index_patience,
    },
    retention: {
      ...(raw.retention.clicks !== 'never' && { clickDays: raw.retention.clicks }),
      ...(raw.retention.dead_letters !== 'never' && { deadLetterDays: raw.retention.dead_letters }),
    },
    temporal: { searchAttributes: raw.temporal.search_attributes },
  };
}

/** The settings that refer to each other: what the event is, which columns it fills, which parts these play. */
export function toMapping(raw: RawMapping, complain: Complain): Pick<Config, 'event' | 'families' | 'roles'> {
  const families = {
    click_data: toColumns('click_data', raw, complain),
    geo_data: toColumns('geo_data', raw, complain),
    user_agent_data: toColumns('user_agent_data', raw, complain),
  };
  const { value, nulls, id, time, address, agent } = raw.event;
  return {
    event: {
      value,
      nulls,
      id: plainPlaces(id?.from, ['event', 'id', 'from'], complain),
      time: { from: plainPlaces(time.from, ['event', 'time', 'from'], complain), formats: time.formats },
      address: plainPlaces(address?.from, ['event', 'address', 'from'], complain),
      agent: plainPlaces(agent?.from, ['event', 'agent', 'from'], complain),
    },
    families,
    roles: toRoles(raw, families, complain),
  };
}

type RawPlaces = RawMapping['event']['time']['from'];

const toPlaces = (written: RawPlaces): Place[] =>
  written.map(parsePlace).filter((place) => place !== undefined);

/** Places of the event's own fields: an enrichment is made from these and cannot feed them. */
function plainPlaces(written: RawPlaces | undefined, path: readonly PathPart[], complain: Complain): Place[] {
  const places = toPlaces(written ?? []);
  places.forEach((place, i) => {
    if (place.kind === 'enrichment') {
      complain([...path, i], `expected a path into the event, got the enrichment ${spellPlace(place)}`);
    }
  });
  return places;
}

function toColumns(family: Family, raw: RawMapping, complain: Complain): Column[] {
  const entries = Object.entries(raw.families[family]);
  if (entries.length > MAX_COLUMNS) {
    complain(['families', family], `expected at most ${MAX_COLUMNS} columns, got ${entries.length}`, 'key');
  }
  return entries.map(([name, { type, required, from }]) => {
    const path = ['families', family, name];
    if (RESERVED_COLUMNS.includes(name)) {
      complain(path, `expected another name: ${name} is a column that every table has already`, 'key');
    }
    const places = toPlaces(from);
    places.forEach((place, i) => checkEnrichment(place, type, [...path, 'from', i], raw, complain));
    return { family, name, type, required, from: places };
  });
}

function checkEnrichment(
  place: Place,
  type: ColumnType,
  path: readonly PathPart[],
  raw: RawMapping,
  complain: Complain,
): void {
  if (place.kind !== 'enrichment') return;
  const spelled = spellPlace(place);
  const types = ENRICHMENT_FIELDS[place.enrichment][place.field] ?? [];
  if (!types.includes(type)) {
    complain(path, `expected a column of type ${types.join(' or ')} for ${spelled}, got ${type}`);
  }
  const input = place.enrichment === '$ua' ? 'agent' : 'address';
  if (raw.event[input] === undefined) {
    complain(path, `expected event.${input} to say where ${spelled} is made from, got nothing`);
  }
}

const SCALARS: readonly ColumnType[] = [
  'text',
  'integer',
  'bigint',
  'double',
  'boolean',
  'timestamptz',
  'date',
  'inet',
  'uuid',
];
const ROLE_TYPES = {
  url: ['text'],
  user: SCALARS,
  session: SCALARS,
  time_spent: ['integer', 'bigint', 'double'],
  bot: ['boolean'],
  country: ['text'],
} as const satisfies Record<keyof RawMapping['roles'], readonly ColumnType[]>;

function toRoles(raw: RawMapping, families: Config['families'], complain: Complain): Roles {
  const find = (role: keyof RawMapping['roles']): Column | undefined => {
    const reference = raw.roles[role];
    if (reference === undefined) return undefined;
    const [family, name] = reference.split('.');
    const columns = FAMILIES.flatMap((known) => (known === family ? families[known] : []));
    const column = columns.find((column) => column.name === name);
    const path = ['roles', role];
    if (column === undefined) {
      const hint = nearest(
        name ?? '',
        columns.map((column) => column.name),
      );
      const meant = hint === undefined ? '' : `; did you mean ${family ?? ''}.${hint}?`;
      complain(path, `expected a column of families.${family ?? ''}, got "${reference}"${meant}`);
      return undefined;
    }
    const types: readonly ColumnType[] = ROLE_TYPES[role];
    if (!types.includes(column.type)) {
      complain(
        path,
        `expected a column of type ${types.join(', ')}, got ${reference} of type ${column.type}`,
      );
    }
    return column;
  };
  const url = find('url');
  if (url !== undefined && !url.required) {
    complain(['roles', 'url'], `expected a column with required: true, got ${raw.roles.url} without it`);
  }
  const user = find('user');
  const session = find('session');
  const timeSpent = find('time_spent');
  const bot = find('bot');
  const country = find('country');
  return {
    // Complained about above when it is missing; parseConfig then throws and nobody sees the stand-in.
    url: url ?? { family: 'click_data', name: '', type: 'text', required: true, from: [] },
    ...(user && { user }),
    ...(session && { session }),
    ...(timeSpent && { timeSpent }),
    ...(bot && { bot }),
    ...(country && { country }),
  };
}
