import { openPostgres, type Postgres } from '../../clients/postgres/pool.js';
import { loadConfig } from '../loadConfig.js';
import type { CliContext } from '../support/verb.js';

export type WithPostgres = <T>(use: (postgres: Postgres) => Promise<T>) => Promise<T>;

/** Lends PostgreSQL as the configuration and the environment name it. */
export const lendPostgres =
  (ctx: CliContext): WithPostgres =>
  async (use) => {
    const { config, servers } = await loadConfig({ config: ctx.config });
    const postgres = openPostgres(servers, config.name, { max: 2 });
    try {
      return await use(postgres);
    } finally {
      await postgres.close();
    }
  };
