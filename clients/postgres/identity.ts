import type pg from 'pg';

/** What tells one PostgreSQL from another; in Spark's reach as well, which has an address of its own for it. */
export const IDENTITY = `SELECT current_setting('server_version') AS version,
  (SELECT system_identifier FROM pg_control_system())::text AS system_id, pg_is_in_recovery() AS standby,
  current_database()::text AS database`;

export interface IdentityRow {
  readonly version: string;
  /** Of the data directory's making: a copy for reading has its primary's. */
  readonly system_id: string;
  /** True: a standby, which can only be read. */
  readonly standby: boolean;
  readonly database: string;
}

/** Undefined where PostgreSQL lets not everybody ask (some hosted ones). */
export async function readIdentity(client: pg.ClientBase): Promise<IdentityRow | undefined> {
  if (!(await mayAsk(client))) return undefined;
  const { rows } = await client.query<IdentityRow>(IDENTITY);
  return rows[0];
}

async function mayAsk(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    "SELECT has_function_privilege('public', 'pg_control_system()', 'EXECUTE') AS may",
  );
  return rows[0]?.may ?? false;
}
