import { batchIdOf } from '../clients/postgres/batchId.js';
import { dayOf, MAX_DAYS } from '../clients/postgres/days.js';
import { withClient } from '../clients/postgres/pool.js';
import {
  firstDeadRecords,
  sourcesFrom,
  type DeadRecord,
  type LetterSource,
} from '../clients/postgres/replay.js';
import type { ReplayPage, ReplaySelection } from '../domain/stages.js';
import type { IngestDeps } from './deps.js';

/** A page is one transaction, and all of it is in memory. */
const PAGE_LETTERS = 1000;
const PAGE_BYTES = 16 * 1024 * 1024;

/** The page after `after`: dead letters of one source, the sources in their order. Undefined: there is none. */
export async function planPage(
  deps: Pick<IngestDeps, 'postgres' | 'decoder'>,
  selection: ReplaySelection,
  upTo: string,
  after: ReplayPage | undefined,
  limit = PAGE_LETTERS,
): Promise<ReplayPage | undefined> {
  return withClient(deps.postgres, `${deps.postgres.name}:replayPlan`, async (client) => {
    for (const source of await sourcesFrom(client, after?.sourceId ?? 0)) {
      const { sourceId } = source;
      const span = { sourceId, after: sourceId === after?.sourceId ? after.to : '0', to: upTo };
      const limits = { letters: limit, bytes: PAGE_BYTES };
      const found = await firstDeadRecords(client, span, selection, limits);
      const letters = found.slice(0, withinDays(deps, source, found));
      const last = letters.at(-1);
      if (last === undefined) continue;
      const batchId = pageIdOf(source.incarnation, letters);
      return { batchId, sourceId, after: span.after, to: last.id, letters: letters.length };
    }
    return undefined;
  });
}

/** Numbers of dead letters never come again, so neither does an id: a record that ended there twice is two batches. */
const pageIdOf = (incarnation: string, letters: readonly DeadRecord[]): string =>
  batchIdOf(
    incarnation,
    letters.map((d) => [d.partition, d.offset.toString(), d.id]),
  );

/** How many from the first on have clicks on no more days than a transaction may touch. */
function withinDays(
  { decoder }: Pick<IngestDeps, 'decoder'>,
  source: LetterSource,
  letters: readonly DeadRecord[],
): number {
  const days = new Set<string>();
  const end = letters.findIndex((letter) => {
    const decoded = decoder(letter, source);
    if (decoded.kind === 'row') days.add(dayOf(decoded.row.eventTimeUs));
    return days.size > MAX_DAYS;
  });
  return end < 0 ? letters.length : end;
}
