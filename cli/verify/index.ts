/** The index against PostgreSQL's figures: every document, in everything it holds. */
import type { Client as Elasticsearch } from '@elastic/elasticsearch';
import type pg from 'pg';
import { allDocuments, readAliasState } from '../../clients/elasticsearch/index.js';
import { readFed } from '../../clients/postgres/index/cursor.js';
import type { Cursor } from '../../clients/postgres/index/figures.js';
import type { Check } from '../../clients/postgres/verify/check.js';
import { compareDocuments, compared } from '../../clients/postgres/verify/compare.js';
import {
  analyzeDocuments,
  createDocumentTable,
  documentClicks,
  figuresNotSent,
  keepDocuments,
} from '../../clients/postgres/verify/documents.js';
import { strayAlias } from '../../domain/inStep.js';
import { GRAINS, type Grain } from '../../domain/names.js';

/** Above every version that a run draws. */
const EVERYTHING: Cursor = { version: String(2n ** 63n - 1n), figureId: '' };

/** What one grain's index held before the snapshot. */
export interface ReadGrain {
  readonly grain: Grain;
  /** Sent up to here when its documents were read; absent: nothing was. */
  readonly sent: Cursor | undefined;
  /** Its documents could not be read as one index's, and why. */
  readonly unusable: string | undefined;
  /** It is not the index that runs fed, and why. */
  readonly stray: string | undefined;
}

/**
 * Reads all documents into a temporary table, a page in memory at a time. Must come before the snapshot that they
 * are compared in: what a run changes meanwhile then stands above the cursor, as waiting, and is not taken for a
 * difference.
 */
export async function readIndex(
  client: pg.ClientBase,
  name: string,
  elasticsearch: Elasticsearch,
  signal: AbortSignal,
): Promise<ReadGrain[]> {
  await createDocumentTable(client);
  const read: ReadGrain[] = [];
  for (const grain of GRAINS) {
    const fed = await readFed(client, grain);
    const { alias, index, problem } = await readAliasState(elasticsearch, name, grain, signal);
    const sent = fed.find((one) => one.index === index?.index && one.uuid === index.uuid);
    const stray = problem === undefined ? strayAlias(alias, index, fed) : undefined;
    read.push({ grain, sent, unusable: problem, stray });
    if (problem !== undefined || index === undefined) continue;
    for await (const page of allDocuments(elasticsearch, index.index, signal))
      await keepDocuments(client, grain, page);
  }
  await analyzeDocuments(client);
  return read;
}

/** Compares what `readIndex` read, inside the snapshot. */
export async function checkIndex(
  client: pg.ClientBase,
  read: readonly ReadGrain[],
  drained: boolean,
): Promise<{
  readonly checks: Check[];
  /** Figures that the next run sends. */
  readonly unsent: number;
  /** Clicks in the documents, of the grains whose documents could be read. */
  readonly clicks: Readonly<Record<string, number>>;
}> {
  const checks: Check[] = [];
  const clicks: Record<string, number> = {};
  let unsent = 0;
  for (const { grain, sent, unusable, stray } of read) {
    const name = `documents per ${grain} equal the figures`;
    unsent += await figuresNotSent(client, grain, sent);
    if (unusable !== undefined) {
      checks.push({ name, ok: false, detail: unusable });
      continue;
    }
    clicks[grain] = await documentClicks(client, grain);
    // An index that went missing, or was exchanged, is not waiting for its first run: searches have lost something.
    const result = await compareDocuments(client, grain, stray === undefined ? sent : EVERYTHING);
    const check = compared(name, result, drained);
    checks.push(stray === undefined ? check : { ...check, detail: `${check.detail}; ${stray}` });
  }
  return { checks, unsent, clicks };
}
