/** A gate in PostgreSQL: reads of a table wait before it for as long as the test holds it closed. */
import { randomInt } from 'node:crypto';
import type pg from 'pg';
import { quoteIdent } from '../../clients/postgres/sql.js';
import type { Postgres } from '../../clients/postgres/pool.js';

export interface Gate {
  /** How many backends of this application wait before it, of those that came after `since`. */
  waiting(application: string, since?: Date): Promise<number>;
  /** Once is enough; a test that failed opens it too, since its schema cannot be dropped before. */
  open(): Promise<void>;
}

/**
 * Puts a view in front of `table` whose rows all pass the gate; one who only asks for the columns does not. The
 * gate is closed from now on; `open` opens it and puts the table back.
 */
export async function closeGate(postgres: Postgres, schema: string, table: string): Promise<Gate> {
  const key = randomInt(2 ** 31);
  const holder: pg.PoolClient = await postgres.pool.connect();
  let opened = false;
  const at = (name: string): string => `${quoteIdent(schema)}.${quoteIdent(name)}`;
  const function_ = at(`pass_${key}`);
  await holder.query(`SELECT pg_advisory_lock(${key})`);
  await holder.query(
    `CREATE FUNCTION ${function_}() RETURNS boolean LANGUAGE plpgsql VOLATILE AS
       'BEGIN PERFORM pg_advisory_lock_shared(${key}); PERFORM pg_advisory_unlock_shared(${key}); RETURN true; END'`,
  );
  await holder.query(
    `ALTER TABLE ${at(table)} RENAME TO ${quoteIdent(`${table}_behind`)};
     CREATE VIEW ${at(table)} AS SELECT * FROM ${at(`${table}_behind`)} WHERE ${function_}()`,
  );
  return {
    async waiting(application, since = new Date(0)) {
      const { rows } = await postgres.pool.query<{ n: string }>(
        `SELECT count(DISTINCT a.pid) AS n FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'advisory' AND NOT l.granted AND l.objid = $1
           AND a.application_name LIKE $2 AND a.backend_start > $3`,
        [key, application, since],
      );
      return Number(rows[0]?.n);
    },
    async open() {
      if (opened) return;
      opened = true;
      await holder.query(`SELECT pg_advisory_unlock(${key})`);
      holder.release();
    },
  };
}
