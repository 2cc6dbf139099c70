import { DataType, RecordBatchReader, type Field, type RecordBatch } from 'apache-arrow';
import { SparkColumnRefused } from './errors.js';

/**
 * Types whose values apache-arrow gives out as something that looks right and is not, or that cannot be told from
 * another, with what to write in the query instead.
 */
function betterForm(type: DataType): string | undefined {
  if (DataType.isDecimal(type))
    return 'CAST it to STRING, DOUBLE or BIGINT: a decimal comes without its point';
  if (DataType.isTimestamp(type))
    return 'take unix_micros() of it: a timestamp comes as a rounded number of ms';
  if (DataType.isTime(type)) return 'CAST it to STRING: a time comes as a number without its unit';
  if (DataType.isInterval(type) || DataType.isDuration(type))
    return 'CAST it to STRING or BIGINT: an interval comes as a number without its unit';
  return undefined;
}

function check(field: Field, path: string): void {
  const better = betterForm(field.type as DataType);
  if (better !== undefined)
    throw new SparkColumnRefused(
      path,
      `column ${path} of a query is of type ${String(field.type)}; ${better}`,
    );
  for (const child of (field.type as DataType).children ?? []) check(child, `${path}.${child.name}`);
}

/**
 * The batches of one Arrow message, which is a whole IPC stream, schema included.
 * @throws SparkColumnRefused for a column whose values would lie, or that cannot be read
 */
export function* readBatches(data: Uint8Array): Generator<RecordBatch, void, undefined> {
  const reader = RecordBatchReader.from(data);
  let first = true;
  try {
    for (const batch of reader) {
      if (first) for (const field of batch.schema.fields) check(field, field.name);
      first = false;
      yield batch;
    }
  } catch (e) {
    if (e instanceof Error && /compress|codec/i.test(e.message))
      throw new SparkColumnRefused(
        '',
        'Spark sent compressed Arrow batches, which this client cannot read: leave ' +
          'spark.sql.execution.arrow.compression.codec at none',
        { cause: e },
      );
    throw e;
  }
}
