/** One server under the doctor's eyes. */
import type { Servers } from '../../../domain/config/config.js';
import {
  probeElasticsearch,
  probeKafka,
  probePostgres,
  probeSpark,
  probeTemporal,
  type Primary,
} from '../../../clients/probe/index.js';
import { hideSecrets, hideSecretsIn } from '../../../domain/secrets.js';
import { TITLES, type ServerName } from '../../../infra/servers.js';

export interface Examined {
  readonly name: ServerName;
  readonly title: string;
  readonly from: 'environment' | 'up' | 'nowhere';
  readonly address: string;
  readonly reachable: boolean;
  /** Version and the like; else why it cannot be reached. */
  readonly detail: string;
  /** From the first step of connecting to the answer. */
  readonly latencyMs: number;
  /** PostgreSQL alone. */
  readonly primaries: readonly Primary[];
}

const PATIENCE_MS = 8_000;

export async function examine(
  name: ServerName,
  servers: Servers,
  installation: string,
): Promise<Omit<Examined, 'from'>> {
  const begun = performance.now();
  const seen = { name, title: TITLES[name], address: addressOf(name, servers) };
  try {
    const { detail, primaries = [] } = await withinPatience(probe(name, servers, installation));
    return { ...seen, reachable: true, detail, primaries, latencyMs: Math.round(performance.now() - begun) };
  } catch (error) {
    const detail = reasonOf(error);
    return {
      ...seen,
      reachable: false,
      detail,
      primaries: [],
      latencyMs: Math.round(performance.now() - begun),
    };
  }
}

interface Answer {
  readonly detail: string;
  readonly primaries?: readonly Primary[];
}

async function probe(name: ServerName, servers: Servers, installation: string): Promise<Answer> {
  switch (name) {
    case 'kafka':
      return { detail: await probeKafka(servers) };
    case 'temporal':
      return { detail: await probeTemporal(servers) };
    case 'elasticsearch':
      return { detail: await probeElasticsearch(servers, PATIENCE_MS) };
    case 'spark':
      return { detail: await probeSpark(servers.spark.remote, AbortSignal.timeout(PATIENCE_MS)) };
    case 'postgres': {
      const primaries = await probePostgres(servers, installation, PATIENCE_MS);
      return { detail: [...new Set(primaries.map(({ version }) => version))].join(', '), primaries };
    }
  }
}

function addressOf(name: ServerName, servers: Servers): string {
  switch (name) {
    case 'kafka':
      return servers.kafka.brokers.join(',');
    case 'temporal':
      return servers.temporal.address;
    case 'elasticsearch':
      return hideSecrets(servers.elasticsearch.url);
    case 'spark':
      return hideSecrets(servers.spark.remote);
    case 'postgres':
      return servers.postgres.url === undefined ? 'PGHOST' : hideSecrets(servers.postgres.url);
  }
}

/** The first line of what an error says. */
export const reasonOf = (error: unknown): string =>
  hideSecretsIn((error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '');

async function withinPatience<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS / 1_000} s`)), PATIENCE_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
