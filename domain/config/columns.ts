/** `families`: the columns of the tables. */
import type { Family } from '../names.js';
import type { Column, Config } from './config.js';
import type { Complain } from './meaning.js';
import type { PlaceReader } from './placeReader.js';
import { COLUMN_NAME, type RawMapping } from './schema.js';
import { viewColumns } from './viewColumns.js';

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

export function toColumns(
  family: Family,
  raw: RawMapping,
  reader: PlaceReader,
  complain: Complain,
): readonly Column[] {
  const entries = Object.entries(raw.families[family]);
  if (entries.length > MAX_COLUMNS) {
    complain(['families', family], `expected at most ${MAX_COLUMNS} columns, got ${entries.length}`, 'key');
  }
  return entries.map(([name, { type, required, from }]) => {
    const path = ['families', family, name];
    if (RESERVED_COLUMNS.includes(name)) {
      complain(path, `expected another name: ${name} is a column that every table has already`, 'key');
    }
    return { family, name, type, required, from: reader.columnPlaces(from, [...path, 'from'], type) };
  });
}

/** A name that two families share carries its family in front in the view that joins them: it must be free there. */
export function checkViewNames(families: Config['families'], complain: Complain): void {
  const taken = new Set<string>();
  const columns = viewColumns(families);
  // What the user called so comes first; what the view calls so is complained about.
  for (const { name, as } of columns) if (name === as) taken.add(as);
  for (const { family, name, as } of columns) {
    if (name === as || (!taken.has(as) && COLUMN_NAME.test(as))) continue;
    const why = taken.has(as) ? 'a column of that name exists' : 'that has more than 63 characters';
    complain(
      ['families', family, name],
      `expected a name of its own: another family has ${name} as well, so the view that joins them would call it ${as}, and ${why}`,
      'key',
    );
  }
}
