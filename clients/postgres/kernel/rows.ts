/** Rows in PostgreSQL's binary COPY form, copied from the bytes of the event that was scanned last. */
import { endOf, kindOf, startOf } from '../../../domain/event/plain/kernel/slots';
import { FALSE, FRACTION, NULL, OTHER, TEXT, TRUE } from '../../../domain/event/plain/kinds';
import * as Type from './types';
import { putBoolean, putBytes16, putInt8, putIpv4, putNone, putText, putUuidText, putWhole } from './fields';

@unmanaged
class Column {
  type: i32;
  required: bool;
  /** An empty text is no value. */
  unlessEmpty: bool;
  /** Of a text, in bytes. */
  maxLength: u32;
  /** The slots of the places, the first with a value counts; -1: one that the kernel cannot read. */
  places: usize;
  placeCount: i32;
}

@unmanaged
class Table {
  columnCount: i32;
  /** The rows have the event's id. */
  withId: bool;
  columns: usize;
}

/** What `find` answers beside a slot. */
const NONE = -1;
const UNREADABLE = -2;

const eventId = memory.data(16);
/** Where the last row ends that was begun or gone on with. */
const rowEnd = memory.data(4);

/** 16 bytes, of which the next row with an id takes it. */
export function eventIdAt(): usize {
  return eventId;
}

/** A word. */
export function rowEndAt(): usize {
  return rowEnd;
}

export function makeTable(columnCount: i32, withId: bool): usize {
  const table = changetype<Table>(heap.alloc(offsetof<Table>()));
  table.columnCount = columnCount;
  table.withId = withId;
  table.columns = heap.alloc(columnCount * offsetof<Column>());
  return changetype<usize>(table);
}

export function setColumn(
  table: usize,
  index: i32,
  type: i32,
  required: bool,
  unlessEmpty: bool,
  maxLength: u32,
  placeCount: i32,
): void {
  const column = columnAt(changetype<Table>(table), index);
  column.type = type;
  column.required = required;
  column.unlessEmpty = unlessEmpty;
  column.maxLength = maxLength;
  column.placeCount = placeCount;
  column.places = heap.alloc(placeCount * 4);
}

export function setPlace(table: usize, index: i32, place: i32, slot: i32): void {
  store<i32>(columnAt(changetype<Table>(table), index).places + place * 4, slot);
}

/**
 * Begins a row: click_id, perhaps the event's id, event_time as PostgreSQL counts it; and goes on as `fields` does.
 * What has 64 bits comes in its halves.
 */
export function row(
  table: usize,
  at: usize,
  limit: usize,
  high: i32,
  low: i32,
  timeHigh: i32,
  timeLow: i32,
): i32 {
  const columnCount = changetype<Table>(table).columnCount;
  const withId = changetype<Table>(table).withId;
  store<u16>(at, bswap<u16>(<u16>(columnCount + (withId ? 3 : 2))));
  let to = putInt8(at + 2, ((<i64>high) << 32) | (<u32>low));
  if (withId) to = putBytes16(to, eventId);
  return fields(table, 0, putInt8(to, ((<i64>timeHigh) << 32) | (<u32>timeLow)), limit);
}

/**
 * Appends fields from a column on.
 * @param limit how far texts may reach; behind it is room for all fields of fixed length, and 16 bytes more
 * @returns the column that it leaves to others, or the count of columns
 */
export function fields(table: usize, first: i32, at: usize, limit: usize): i32 {
  const columnCount = changetype<Table>(table).columnCount;
  let column = first;
  for (; column < columnCount; column++) {
    const to = field(columnAt(changetype<Table>(table), column), at, limit);
    if (to == 0) break;
    at = to;
  }
  store<u32>(rowEnd, <u32>at);
  return column;
}

/** @returns where the field ends, or 0 */
@inline
function field(column: Column, at: usize, limit: usize): usize {
  const slot = find(column);
  if (slot == NONE && !column.required) return putNone(at);
  if (slot < 0) return 0;
  const kind = kindOf(slot);
  const start = startOf(slot);
  const end = endOf(slot);
  switch (column.type) {
    case Type.TEXT:
      if (kind == FRACTION || kind == OTHER || end - start > column.maxLength) return 0;
      return at + 4 + (end - start) > limit ? 0 : putText(at, start, end);
    case Type.INTEGER:
      return putWhole(at, start, end, 4);
    case Type.BIGINT:
      return putWhole(at, start, end, 8);
    case Type.BOOLEAN:
      return kind == TRUE || kind == FALSE ? putBoolean(at, kind == TRUE) : 0;
    case Type.UUID:
      return putUuidText(at, start, end);
    case Type.INET:
      return kind == TEXT ? putIpv4(at, start, end) : 0;
    default:
      return 0;
  }
}

/** The first place with a value. */
@inline
function find(column: Column): i32 {
  for (let i = 0; i < column.placeCount; i++) {
    const slot = load<i32>(column.places + i * 4);
    if (slot < 0) return UNREADABLE;
    const kind = kindOf(slot);
    if (kind <= NULL || (column.unlessEmpty && kind == TEXT && startOf(slot) == endOf(slot))) continue;
    return slot;
  }
  return NONE;
}

@inline
function columnAt(table: Table, index: i32): Column {
  return changetype<Column>(table.columns + index * offsetof<Column>());
}
