import { IDENTITY, type IdentityRow } from '../postgres/identity.js';
import { openSpark, type SparkSession } from '../spark/index.js';
import type { Primary } from './postgres.js';

/** @returns e.g. `4.2.0, local[2]` or `4.2.0, spark://master:7077`: the version, and what runs the work. */
export async function probeSpark(remote: string, signal: AbortSignal): Promise<string> {
  const session = await openSpark(remote, { signal });
  try {
    const master = await masterOf(session, signal);
    return [session.version, ...(master === undefined ? [] : [master])].join(', ');
  } finally {
    await session.close();
  }
}

/** `spark.master`; undefined where the server does not say. */
async function masterOf(session: SparkSession, signal: AbortSignal): Promise<string | undefined> {
  for await (const batch of session.query('SET spark.master', {}, { signal })) {
    const row = batch.get(0) as { value: string } | null;
    if (row?.value.match(/^(local|spark:|yarn|k8s:)/)) return row.value;
  }
  return undefined;
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
      const row = batch.get(0) as IdentityRow | null;
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
