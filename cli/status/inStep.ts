/** Whether the index is in step with PostgreSQL's figures, and where it is not. */
import {
  openElasticsearch,
  readAliasState,
  windowsOfDocuments,
  type AliasState,
} from '../../clients/elasticsearch/index.js';
import type { Snapshot } from '../../clients/postgres/status/snapshot.js';
import type { Config, Servers } from '../../domain/config/config.js';
import { hasServer } from '../../domain/config/servers.js';
import { differentWindows, strayAlias, type WindowDifference, type WindowSums } from '../../domain/inStep.js';
import { GRAINS, readAlias, type Grain } from '../../domain/names.js';
import type { IndexReport, WindowReport } from './report.js';

/** Windows that a report names; the rest is counted. */
const NAMED = 10;

export interface GrainDocuments extends AliasState {
  /** False where nobody has named an Elasticsearch to ask. */
  readonly asked: boolean;
  readonly clicks: number;
  readonly windows: readonly WindowSums[];
}

/** What Elasticsearch holds, added up per window. Rejects with what `mapEsError` makes of an error. */
export async function readDocuments(
  config: Config,
  servers: Servers,
  signal: AbortSignal,
): Promise<GrainDocuments[]> {
  const nothing = { clicks: 0, windows: [] };
  if (!hasServer(servers, 'elasticsearch'))
    return GRAINS.map((grain) => ({ grain, alias: readAlias(config.name, grain), asked: false, ...nothing }));
  const client = openElasticsearch(servers);
  try {
    const found: GrainDocuments[] = [];
    for (const grain of GRAINS) {
      const state = await readAliasState(client, config.name, grain, signal);
      // An index that somebody made under the alias's name has fields of its own, or none.
      const usable = state.index !== undefined && state.index.index !== state.alias;
      const windows = usable ? await windowsOfDocuments(client, config.name, grain, signal) : undefined;
      const clicks = (windows ?? []).reduce((n, one) => n + one.clicks, 0);
      found.push({ ...state, asked: true, clicks, windows: windows ?? [] });
    }
    return found;
  } finally {
    await client.close();
  }
}

const report = ({ start, figures, documents }: WindowDifference): WindowReport => ({
  window_start: start === null ? null : new Date(start).toISOString(),
  figures: figures.count,
  documents: documents.count,
  figures_clicks: figures.clicks,
  documents_clicks: documents.clicks,
});

function reportOf(
  grain: Grain,
  snapshot: Snapshot | undefined,
  documents: GrainDocuments | undefined,
): IndexReport {
  const figures = snapshot?.figures.find((one) => one.grain === grain);
  const fed = (snapshot?.backlogs ?? []).filter((one) => one.grain === grain);
  const cursor = fed.find((one) => documents === undefined || one.index === documents.index?.index);
  // An index of the same name but another uuid has none of what its cursor says.
  const same = cursor !== undefined && (documents === undefined || documents.index?.uuid === cursor.uuid);
  const behind = figures === undefined ? null : same ? cursor.behind : figures.figures;
  const rejected = figures === undefined ? null : same ? cursor.rejected : 0;
  const answer = documents?.asked === true ? documents : undefined;
  const problem = answer && (answer.problem ?? strayAlias(answer.alias, answer.index, fed));
  // Nothing, and no place for it, is neither in step nor behind.
  const placed = snapshot?.made === true && (documents?.index !== undefined || figures?.figures !== 0);
  const different =
    figures === undefined || answer === undefined || !placed
      ? undefined
      : differentWindows(figures.windows, answer.windows);
  return {
    grain,
    index: documents?.index?.index ?? cursor?.index ?? null,
    in_step: different
      ? behind === 0 && rejected === 0 && different.length === 0 && problem === undefined
      : null,
    behind,
    rejected,
    version: same ? cursor.version : null,
    figures: figures?.figures ?? null,
    figures_clicks: figures?.clicks ?? null,
    documents_clicks: documents?.clicks ?? null,
    problem: problem ?? null,
    windows_out_of_step: different?.length ?? null,
    out_of_step: (different ?? []).slice(0, NAMED).map(report),
  };
}

/** Per grain; a server that did not answer leaves nulls. */
export const indexReports = (
  snapshot: Snapshot | undefined,
  documents: readonly GrainDocuments[] | undefined,
): IndexReport[] =>
  GRAINS.map((grain) =>
    reportOf(
      grain,
      snapshot,
      documents?.find((one) => one.grain === grain),
    ),
  );

/** Windows differ, though nothing waits, was refused or is wrong with the alias. */
export const isUnexplained = (one: IndexReport): boolean =>
  one.behind === 0 && one.rejected === 0 && one.problem === null && (one.windows_out_of_step ?? 0) > 0;
