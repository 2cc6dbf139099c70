/**
 * The decoder: one function from a record's bytes to a row, a rejection or the word that it is filtered, compiled
 * once from the mapping. In this order: JSON, `event.where`, id, time, columns; the first fault rejects the event.
 */
import type { Column, Config } from '../config/config.js';
import type { Family } from '../names.js';
import { bounded, converter, toText, type Converter } from './convert.js';
import { madeEventId, ownEventId } from './eventId.js';
import { PlaceCompiler, type Lookup } from './lookup.js';
import { parseRecord } from './parseRecord.js';
import { Rejection } from './rejection.js';
import { checkPlausible, timeReader } from './time.js';
import type { Decoded, Decoder, Enrichers, Hash, Value } from './types.js';
import { normalizeUrl, withoutPassword } from './url.js';
import { EventView, type Read } from './view.js';
import { compileWhere } from './where.js';

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
  readonly lookup: Lookup;
  readonly convert: Converter;
}

/** @param hash SHA-256; handed in because `domain/` imports nothing of Node. */
export function createDecoder(config: Config, enrich: Enrichers, hash: Hash): Decoder {
  const { event, families, roles } = config;
  const compiler = new PlaceCompiler(event.nulls);
  const url = compileUrl(config, compiler);
  const where = compileWhere(event.where, compiler);
  const id = compiler.lookup(event.id);
  const eventTime = compiler.lookup(event.time.from);
  const readTime = timeReader(event.time);
  const inputs = {
    address: compiler.lookup(event.address),
    agent: compiler.lookup(event.agent),
    referrer: compiler.lookup(event.referrer),
    url: url.find,
  };
  const compile = (column: Column): CompiledColumn => {
    const named = { field: `${column.family}.${column.name}`, required: column.required };
    // Made once an event for the column and for `$url`; what it gives is text already.
    if (isSame(column, roles.url))
      return {
        ...named,
        lookup: { ...url, find: (event) => event.url() },
        convert: (value) => value as string,
      };
    const convert = converter(column.type, event.time);
    return {
      ...named,
      lookup: compiler.lookup(column.from),
      convert: isSame(column, roles.user) ? bounded(convert) : convert,
    };
  };
  const columns = {
    click_data: families.click_data.map(compile),
    geo_data: families.geo_data.map(compile),
    user_agent_data: families.user_agent_data.map(compile),
  };
  const view = new EventView(inputs, enrich);

  /** Fills a family's values in the order of its columns. @returns what keeps the event from being a row */
  const fill = (family: Family, values: Value[], own: Uint8Array | undefined): Decoded | undefined => {
    for (const { field, required, lookup, convert } of columns[family]) {
      const found = lookup.find(view);
      if (found === undefined) {
        if (required) return rejected(field, undefined, missing, own);
        values.push(null);
        continue;
      }
      const value = found instanceof Rejection ? found : convert(found);
      if (value instanceof Rejection) return rejected(field, lookup.placeOf(view), value, own);
      values.push(value);
    }
    return undefined;
  };

  return (record, source) => {
    const json = parseRecord(record.value);
    if (json instanceof Rejection) return { kind: 'rejected', reason: json.reason, message: json.message };
    view.begin(json, record, source);
    const filtered = where(view);
    if (filtered !== undefined) return filtered;

    const foundId = id.find(view);
    const own = foundId === undefined || foundId instanceof Rejection ? foundId : ownEventId(foundId, hash);
    if (own instanceof Rejection) return rejected('event.id', id.placeOf(view), own);

    const foundTime = eventTime.find(view);
    if (foundTime === undefined) return rejected('event.time', undefined, missing, own);
    const read = foundTime instanceof Rejection ? foundTime : readTime(foundTime);
    const time =
      read instanceof Rejection ? read : (checkPlausible(Number(read), record.timestampMs) ?? read);
    if (time instanceof Rejection) return rejected('event.time', eventTime.placeOf(view), time, own);

    const values = { click_data: [] as Value[], geo_data: [] as Value[], user_agent_data: [] as Value[] };
    const fault =
      fill('click_data', values.click_data, own) ??
      fill('geo_data', values.geo_data, own) ??
      fill('user_agent_data', values.user_agent_data, own);
    if (fault !== undefined) return fault;
    const eventId = own ?? madeEventId(source.sourceId, record.partition, record.offset, hash);
    return { kind: 'row', row: { eventId, eventTimeUs: time, families: values } };
  };
}

/**
 * The value of the column with the role url. It is kept letter by letter, but for a password in it, which is
 * nobody's business in a table that people search. An empty one is no page: it is missing, and the next place is
 * tried.
 */
function compileUrl({ event, roles }: Config, compiler: PlaceCompiler): Lookup {
  const lookup = compiler.lookup(roles.url.from, 'missing');
  const find: Read = (view) => {
    const found = lookup.find(view);
    if (found === undefined || found instanceof Rejection) return found;
    const text = toText(found);
    if (typeof text !== 'string') return text;
    const shown = withoutPassword(text);
    return event.normalizeUrl ? normalizeUrl(shown) : shown;
  };
  return { ...lookup, find };
}

const missing = new Rejection('missing_required', 'expected a value, got none');

const isSame = (a: Column, b: Column | undefined): boolean => a.family === b?.family && a.name === b.name;

function rejected(
  field: string,
  place: string | undefined,
  { reason, message }: Rejection,
  eventId?: Uint8Array,
): Decoded {
  const where = place === undefined ? field : `${field}, taken from ${place}`;
  return { kind: 'rejected', reason, field, message: `${where}: ${message}`, ...(eventId && { eventId }) };
}
