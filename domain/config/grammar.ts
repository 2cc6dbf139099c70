/** Words of the grammar that types of `config.ts` list and the schema checks. */
import type { ColumnType, NamedTimeFormat } from './config.js';

export const GRAMMAR_TYPES = [
  'text',
  'integer',
  'bigint',
  'double',
  'boolean',
  'timestamptz',
  'date',
  'inet',
  'uuid',
  'jsonb',
] as const satisfies readonly ColumnType[];

export const TIME_FORMATS = [
  'iso',
  'epoch_s',
  'epoch_ms',
  'epoch_us',
] as const satisfies readonly NamedTimeFormat[];
