import { openSpark } from '../spark/index.js';
import { IDENTITY, type Primary } from './postgres.js';

/** @returns Spark's version. */
export async function probeSpark(remote: string, signal: AbortSignal): Promise<string> {
  const session = await openSpark(remote, { signal });
  try {
    return session.version;
  } finally {
    await session.close();
  }
}

/** The PostgreSQL that Spark reads when it is told this JDBC address. */
export async function postgresThroughSpark(
  remote: string,
  jdbcUrl: string,
  signal: AbortSignal,
): Promise<Primary> {
  const session = await openSpark(remote, { signal });
  try {
    const view = 'clickstream_doctor';
    const options = { url: jdbcUrl, driver: 'org.postgresql.Driver', dbtable: `(${IDENTITY}) AS identity` };
    await session.createView(view, 'jdbc', options, { signal });
    for await (const batch of session.query(`SELECT * FROM ${view}`, {}, { signal })) {
      const row = batch.get(0) as { version: string; system_id: string; standby: boolean } | null;
      if (!row) continue;
      return {
        address: 'as Spark reaches it',
        version: row.version,
        systemId: row.system_id,
        standby: row.standby,
      };
    }
    throw new Error('Spark answered without a row');
  } finally {
    await session.close();
  }
}
