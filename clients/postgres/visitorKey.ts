import { randomBytes } from 'node:crypto';
import { SchemaMismatch } from '../../domain/errors.js';
import { withClient, type Postgres } from './pool.js';

const NAME = 'visitor_key';

/** Makes the key of `$visitor` where there is none; a key once made never changes, or visitors would. */
export const makeVisitorKey = (client: { query: (sql: string, values: unknown[]) => Promise<unknown> }) =>
  client.query('INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    NAME,
    randomBytes(32),
  ]);

/** The key of `$visitor` that `migrate` made. @throws SchemaMismatch: there is none yet */
export async function visitorKey(postgres: Postgres): Promise<Uint8Array> {
  return withClient(postgres, `${postgres.name}:visitorKey`, async (client) => {
    const { rows } = await client.query<{ value: Buffer }>('SELECT value FROM secret WHERE name = $1', [
      NAME,
    ]);
    const value = rows[0]?.value;
    if (value === undefined)
      throw new SchemaMismatch('there is no visitor key yet: run `clickstream migrate`');
    return value;
  });
}
