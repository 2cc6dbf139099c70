/** What the doctor found, for people. */
import type { Primary } from '../../../clients/probe/index.js';
import type { Folder, Tool } from '../../../infra/tools.js';
import type { ExaminedAlias } from './aliases.js';
import type { Examined } from './examine.js';

export interface Diagnosis {
  readonly servers: readonly Examined[];
  readonly primaries: readonly Primary[];
  readonly onePrimary: boolean;
  /** Per grain; empty where Elasticsearch does not answer. */
  readonly aliases: readonly ExaminedAlias[];
  readonly tools: readonly Tool[];
  readonly folders: readonly Folder[];
}

/** What all servers need on a machine that has none of them yet, build included. */
const WANTED_BYTES = 5e9;

export function render(found: Diagnosis): string {
  return [
    ...found.servers.map(serverLine),
    '',
    ...postgresLines(found),
    ...aliasLines(found),
    '',
    ...found.tools.map(({ name, found: there, text }) => `${mark(there)} ${name.padEnd(14)} ${text}`),
    ...found.folders.map(folderLine),
  ].join('\n');
}

function postgresLines({ primaries, onePrimary }: Diagnosis): string[] {
  if (primaries.length === 0) return [`${mark(false)} PostgreSQL: not examined, since it does not answer`];
  const count = `${primaries.length} address${primaries.length === 1 ? '' : 'es'}`;
  if (onePrimary) return [`${mark(true)} PostgreSQL: ${count} examined, one primary`];
  return [`${mark(false)} PostgreSQL: expected one primary behind ${count}`, ...primaries.map(primaryLine)];
}

function aliasLines({ aliases }: Diagnosis): string[] {
  if (aliases.length === 0) return [`${mark(false)} Elasticsearch: its indices are not examined`];
  const problems = aliases.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) return problems.map((problem) => `${mark(false)} Elasticsearch: ${problem}`);
  const standing = aliases.filter(({ index }) => index !== null).length;
  return [
    standing === 0
      ? `${mark(true)} Elasticsearch: no index yet; \`clickstream migrate\` or the first run makes them`
      : `${mark(true)} Elasticsearch: ${standing} of ${aliases.length} read aliases stand, each for one index`,
  ];
}

const mark = (good: boolean): string => (good ? '✔' : '✘');

function serverLine({ title, reachable, address, detail, latencyMs, from }: Examined): string {
  const where = from === 'environment' ? ' (named by the environment)' : '';
  const time = reachable ? `  ${latencyMs} ms` : '';
  return `${mark(reachable)} ${title.padEnd(14)} ${[address, detail].filter(Boolean).join('  ')}${time}${where}`;
}

function primaryLine({ address, systemId, standby }: Primary): string {
  return `    ${address}: ${systemId === '' ? 'no answer' : `system ${systemId}`}${standby ? ', a standby' : ''}`;
}

function folderLine({ name, folder, freeBytes }: Folder): string {
  const free = `${(freeBytes / 1e9).toFixed(1)} GB free`;
  return `${mark(freeBytes >= WANTED_BYTES)} ${`${name} folder`.padEnd(14)} ${folder}  ${free}`;
}
