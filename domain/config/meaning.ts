/**
 * Checks that need two settings at once (a role and its column, an enrichment and its input), and the step
 * from the file's grammar to the `Config` that the rest of the code trusts.
 */
import { checkViewNames, toColumns } from './columns.js';
import type { Condition, Config } from './config.js';
import type { PathPart } from './document.js';
import type { WrittenCondition } from './placeSchema.js';
import { PlaceReader } from './placeReader.js';
import { toRoles } from './roles.js';
import type { RawConfig, RawMapping } from './schema.js';
import { toTimeSpelling } from './timeSpelling.js';
import { findCycles } from './uses.js';

/** `key`: the complaint is about the key itself. */
export type Complain = (path: readonly PathPart[], message: string, about?: 'key') => void;

export function toConfig(raw: RawConfig, complain: Complain): Config {
  const { kafka, ingest, analyze } = raw;
  const { shards } = ingest;
  if (shards !== undefined && kafka.create !== undefined && shards > kafka.create.partitions) {
    complain(
      ['ingest', 'shards'],
      `expected at most kafka.create.partitions (${kafka.create.partitions}), got ${shards}: a shard without a partition has nothing to read`,
    );
  }
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
  const { value, where, nulls, time, normalize_url: normalizeUrl } = raw.event;
  const times = toTimeSpelling(time, complain);
  const reader = new PlaceReader(raw.event, times, complain);
  const families = {
    click_data: toColumns('click_data', raw, reader, complain),
    geo_data: toColumns('geo_data', raw, reader, complain),
    user_agent_data: toColumns('user_agent_data', raw, reader, complain),
  };
  checkViewNames(families, complain);
  const own = (key: 'id' | 'time' | 'address' | 'agent' | 'referrer') =>
    reader.ownPlaces(
      raw.event[key]?.from ?? [],
      ['event', key, 'from'],
      key === 'time' ? 'timestamptz' : 'text',
    );
  const mapping = {
    event: {
      value,
      where: where.flatMap((written, i) => toCondition(written, ['event', 'where', i], reader) ?? []),
      nulls,
      id: own('id'),
      time: { from: own('time'), ...times },
      address: own('address'),
      agent: own('agent'),
      referrer: own('referrer'),
      normalizeUrl,
    },
    families,
    roles: toRoles(raw, families, complain),
  };
  for (const { path, chain } of findCycles(mapping)) {
    complain(path, `expected a value that is not made of itself, got the cycle ${chain}`);
  }
  return mapping;
}

function toCondition(
  written: WrittenCondition,
  path: readonly PathPart[],
  reader: PlaceReader,
): Condition | undefined {
  if ('not' in written) {
    const condition = toCondition(written.not, [...path, 'not'], reader);
    return condition && { kind: 'not', condition };
  }
  if ('absent' in written) {
    const place = reader.named(written.absent, [...path, 'absent']);
    return place && { kind: 'not', condition: { kind: 'present', place } };
  }
  if ('present' in written) {
    const place = reader.named(written.present, [...path, 'present']);
    return place && { kind: 'present', place };
  }
  const place = reader.named(written.field, [...path, 'field']);
  const values = 'equals' in written ? [written.equals] : written.in;
  return place && { kind: 'in', place, texts: values.map(String) };
}
