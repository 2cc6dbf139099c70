/**
 * PostgreSQL's address and password for Spark, as a connection service file: Spark is told only the service's
 * name, so no password stands in its addresses, plans or logs.
 */
import { writeFileSync, chmodSync } from 'node:fs';
import path from 'node:path';

export const SERVICE = 'clickstream';

export const serviceFilePath = (stateDir: string): string => path.join(stateDir, 'pg_service.conf');

/** @param url `postgres://user:password@host:port/database` */
export function writeServiceFile(stateDir: string, url: string): void {
  const at = new URL(url);
  const entries: [string, string][] = [
    ['host', at.hostname],
    ['port', at.port || '5432'],
    ['dbname', decodeURIComponent(at.pathname.slice(1))],
    ['user', decodeURIComponent(at.username)],
    ['password', decodeURIComponent(at.password)],
  ];
  const lines = entries.filter(([, value]) => value !== '').map(([name, value]) => `${name}=${value}`);
  const file = serviceFilePath(stateDir);
  writeFileSync(file, `[${SERVICE}]\n${lines.join('\n')}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
}
