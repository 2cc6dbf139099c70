import { sep } from 'node:path';

/**
 * Which test files run beside which. Two processors are busy with two files that compute; one that mostly waits, for a
 * time-out or for a server that is away, costs them next to nothing and runs beside them.
 */
export const WAITING: ReadonlySet<string> = new Set([
  'activities/postgresFaults',
  'cli/interrupted',
  'cli/waiting',
  'clients/kafka/brokers',
  'clients/kafka/records',
  'clients/spark/stream',
  'e2e/brokers',
  'e2e/outage',
  'e2e/refusals',
  'e2e/spool',
  'e2e/zombie',
  'workflows/backfill',
  'workflows/ingest',
  'workflows/pipeline',
  'workflows/sparkExhausted',
]);

export interface Lane {
  readonly files: readonly string[];
  /** Files at a time. */
  readonly concurrency: number;
}

/** The path of a test below the folder of the tests, without its ending. @param file as in `dist/test/e2e/zombie.test.js` */
const nameOf = (file: string): string =>
  file
    .split(sep)
    .slice(2)
    .join('/')
    .replace(/\.test\.js$/, '');

/** @param files paths of built tests, relative to the project */
export function lanesOf(files: readonly string[]): readonly Lane[] {
  const waits = files.filter((file) => WAITING.has(nameOf(file)));
  const computes = files.filter((file) => !WAITING.has(nameOf(file)));
  return [
    { files: computes, concurrency: 2 },
    { files: waits, concurrency: 1 },
  ].filter((lane) => lane.files.length > 0);
}
