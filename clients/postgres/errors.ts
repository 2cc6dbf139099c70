import {
  ClickstreamError,
  SchemaMismatch,
  ServerRefused,
  ServerUnavailable,
  postgresDiskFull,
} from '../../domain/errors.js';

/** The fields of node-postgres's DatabaseError that this code decides on. */
export interface PgErrorFields {
  readonly sqlState: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
}

/** PostgreSQL's own fields of an error; undefined when the error did not come from the server. */
export function pgErrorFields(e: unknown): PgErrorFields | undefined {
  if (!(e instanceof Error)) return undefined;
  const { code, table, column, constraint } = e as Error & Partial<Record<string, unknown>>;
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || !('severity' in e)) return undefined;
  return {
    sqlState: code,
    ...(typeof table === 'string' && { table }),
    ...(typeof column === 'string' && { column }),
    ...(typeof constraint === 'string' && { constraint }),
  };
}

export const sqlState = (e: unknown): string | undefined => pgErrorFields(e)?.sqlState;

/** PostgreSQL refuses the data itself: classes 22, 23 and 54. A retry of the same rows is refused again. */
export const isDataError = (e: unknown): boolean => /^(22|23|54)/.test(sqlState(e) ?? '');

export const isDuplicate = (e: unknown): boolean => sqlState(e) === '23505';

/** Deadlock or serialisation failure: the same transaction may pass when it is run again. */
export const isTransientConflict = (e: unknown): boolean => ['40P01', '40001'].includes(sqlState(e) ?? '');

export const isDeadlock = (e: unknown): boolean => sqlState(e) === '40P01';

/** A right is missing, or the grant is impossible (of a role to its own member). */
export const isRefusal = (e: unknown): boolean => ['42501', '0LP01'].includes(sqlState(e) ?? '');

export const isLockTimeout = (e: unknown): boolean => sqlState(e) === '55P03';

const REFUSED = /^(28...|3D000|42501|0A000)$/;
/** 08 connection, 53 resources, 57P0x shutdown or start-up, 58 system, 25006 a standby, 55P03 a lock, 40 conflicts. */
const UNAVAILABLE = /^(08...|53...|57P0[1-5]|57014|58...|25006|25P0[34]|55P03|40...)$/;
const DISK_FULL = '53100';
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
const DRIVER =
  /Connection terminated|timeout exceeded when trying to connect|not queryable|server does not support SSL/i;

const codeOf = (e: Error): string => {
  const first = e instanceof AggregateError ? (e.errors[0] as unknown) : e;
  const code = first instanceof Error && 'code' in first ? first.code : undefined;
  return typeof code === 'string' ? code : '';
};

/**
 * Connection trouble becomes ServerUnavailable, wrong credentials and missing rights ServerRefused, a missing
 * table SchemaMismatch; anything else is given back unchanged.
 */
export function mapPgError(e: unknown): Error {
  if (!(e instanceof Error)) return new Error(String(e));
  if (e instanceof ClickstreamError) return e;
  const state = sqlState(e);
  if (state !== undefined) {
    if (REFUSED.test(state))
      return new ServerRefused('PostgreSQL', `PostgreSQL refused: ${e.message}`, { cause: e });
    if (state === '42P01' || state === '3F000')
      return new SchemaMismatch(`PostgreSQL lacks a table: ${e.message}; run \`clickstream migrate\``, {
        cause: e,
      });
    if (state === DISK_FULL) return postgresDiskFull(`${e.message} (${state})`, e);
    if (UNAVAILABLE.test(state))
      return new ServerUnavailable('PostgreSQL', `PostgreSQL cannot now: ${e.message} (${state})`, {
        cause: e,
      });
    return e;
  }
  const code = codeOf(e);
  if (NETWORK.has(code) || DRIVER.test(e.message))
    return new ServerUnavailable('PostgreSQL', `PostgreSQL does not answer: ${e.message || code}`, {
      cause: e,
    });
  return e;
}
