/**
 * The decoder: one function from a record's bytes to a row or a rejection, compiled once from the mapping.
 */
import type { Column, Config } from '../config/config.js';
import { FAMILIES } from '../names.js';
import { converter, type Converter } from './convert.js';
import { madeEventId, ownEventId } from './eventId.js';
import { compileLookup, EventView, type Lookup } from './lookup.js';
import { parseRecord } from './parseRecord.js';
import { Rejection } from './rejection.js';
import { checkKeyLength } from './text.js';
import { checkPlausible, timeReader } from './time.js';
import type { Decoded, Decoder, Enrichers, Hash, Value } from './types.js';

export type {
  Decoded,
  Decoder,
  Enrichers,
  Hash,
  KafkaRecord,
  Reason,
  RecordSource,
  Row,
  Value,
} from './types.js';
export { REASONS } from './types.js';

interface CompiledColumn {
  readonly field: string;
  readonly required: boolean;
  readonly find: Lookup;
  readonly convert: Converter;
}

/** @param hash SHA-256; handed in because `domain/` imports nothing of Node. */
export function createDecoder(config: Config, enrich: Enrichers, hash: Hash): Decoder {
  const { event, families, roles } = config;
  const compile = (places: Column['from']): Lookup => compileLookup(places, event.nulls);
  const sources = { address: compile(event.address), agent: compile(event.agent) };
  const findId = compile(event.id);
  const findTime = compile(event.time.from);
  const readTime = timeReader(event.time.formats);
  const column = (column: Column): CompiledColumn => {
    const convert = converter(column.type, event.time.formats);
    return {
      field: `${column.family}.${column.name}`,
      required: column.required,
      find: compile(column.from),
      convert: isSame(column, roles.user) ? boundedText(convert) : convert,
    };
  };
  const click = families.click_data.map(column);
  const geo = families.geo_data.map(column);
  const agent = families.user_agent_data.map(column);

  return ({ partition, offset, timestampMs, value }, { sourceId }) => {
    const json = parseRecord(value);
    if (json instanceof Rejection) return { kind: 'rejected', reason: json.reason, message: json.message };
    const view = new EventView(json, sources, enrich);

    const foundId = findId(view);
    const own = foundId && ownEventId(foundId.value, hash);
    if (own instanceof Rejection) return rejected('event.id', foundId?.place, own);

    const foundTime = findTime(view);
    if (foundTime === undefined) return rejected('event.time', undefined, missing, own);
    const read = readTime(foundTime.value);
    const time = read instanceof Rejection ? read : (checkPlausible(read, timestampMs) ?? read);
    if (time instanceof Rejection) return rejected('event.time', foundTime.place, time, own);

    const values = { click_data: [] as Value[], geo_data: [] as Value[], user_agent_data: [] as Value[] };
    const columns = { click_data: click, geo_data: geo, user_agent_data: agent };
    for (const family of FAMILIES) {
      for (const { field, required, find, convert } of columns[family]) {
        const found = find(view);
        if (found === undefined) {
          if (required) return rejected(field, undefined, missing, own);
          values[family].push(null);
          continue;
        }
        const converted = convert(found.value);
        if (converted instanceof Rejection) return rejected(field, found.place, converted, own);
        values[family].push(converted);
      }
    }
    const eventId = own ?? madeEventId(sourceId, partition, offset, hash);
    return { kind: 'row', row: { eventId, eventTimeUs: time, families: values } };
  };
}

const missing = new Rejection('missing_required', 'expected a value, got none');

const isSame = (a: Column, b: Column | undefined): boolean => a.family === b?.family && a.name === b.name;

/** Users are keys: see checkKeyLength. */
const boundedText =
  (convert: Converter): Converter =>
  (value) => {
    const text = convert(value);
    return (typeof text === 'string' ? checkKeyLength(text) : undefined) ?? text;
  };

function rejected(
  field: string,
  place: string | undefined,
  { reason, message }: Rejection,
  eventId?: Uint8Array,
): Decoded {
  const where = place === undefined ? field : `${field}, taken from ${place}`;
  return { kind: 'rejected', reason, field, message: `${where}: ${message}`, ...(eventId && { eventId }) };
}
