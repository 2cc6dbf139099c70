/** The read aliases under the doctor's eyes: does each stand for the one index that runs feed? */
import { openElasticsearch, readAliasState } from '../../../clients/elasticsearch/index.js';
import { openPostgres, withClient } from '../../../clients/postgres/pool.js';
import { readFed } from '../../../clients/postgres/index/cursor.js';
import type { Servers } from '../../../domain/config/config.js';
import { strayAlias } from '../../../domain/inStep.js';
import { GRAINS } from '../../../domain/names.js';

export interface ExaminedAlias {
  readonly alias: string;
  /** Null: none stands behind it. */
  readonly index: string | null;
  /** What is wrong with it, and what to do; null: nothing. */
  readonly problem: string | null;
}

type Fed = Awaited<ReturnType<typeof readFed>>;

/** Empty before `migrate`, and where PostgreSQL does not answer: its own line says why. */
async function fedIndices(servers: Servers, installation: string): Promise<Fed> {
  const postgres = openPostgres(servers, installation, { max: 1 });
  try {
    return await withClient(postgres, `${installation}:doctor`, async (client) => {
      const fed: Fed = [];
      for (const grain of GRAINS) fed.push(...(await readFed(client, grain)));
      return fed;
    });
  } catch {
    return [];
  } finally {
    await postgres.close();
  }
}

/** Of an Elasticsearch that answers. */
export async function examineAliases(
  servers: Servers,
  installation: string,
  postgresAnswers: boolean,
  signal: AbortSignal,
): Promise<ExaminedAlias[]> {
  const fed = postgresAnswers ? await fedIndices(servers, installation) : [];
  const client = openElasticsearch(servers);
  try {
    const examined: ExaminedAlias[] = [];
    for (const grain of GRAINS) {
      const { alias, index, problem } = await readAliasState(client, installation, grain, signal);
      const own = fed.filter((one) => one.grain === grain);
      const wrong = problem ?? strayAlias(alias, index, own) ?? null;
      examined.push({ alias, index: index?.index ?? null, problem: wrong });
    }
    return examined;
  } finally {
    await client.close();
  }
}
