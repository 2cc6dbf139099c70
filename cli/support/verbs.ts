/**
 * The verbs in the order of the help. Only the one that is called is loaded: the others' clients would
 * cost most of a second.
 */
import type { RegisterVerb } from './verb.js';

type Load = () => Promise<{ register: RegisterVerb }>;

export const VERBS: ReadonlyMap<string, Load> = new Map<string, Load>([
  ['start', () => import('../verbs/start.js')],
  ['up', () => import('../verbs/up.js')],
  ['down', () => import('../verbs/down.js')],
  ['doctor', () => import('../verbs/doctor.js')],
  ['config', () => import('../verbs/config.js')],
  ['migrate', () => import('../verbs/migrate.js')],
  ['produce', () => import('../verbs/produce.js')],
  ['try', () => import('../verbs/try.js')],
  ['worker', () => import('../verbs/worker.js')],
  ['pipeline', () => import('../verbs/pipeline.js')],
  ['ingest', () => import('../verbs/ingest.js')],
  ['analyze', () => import('../verbs/analyze.js')],
  ['backfill', () => import('../verbs/backfill.js')],
  ['reindex', () => import('../verbs/reindex.js')],
  ['schedule', () => import('../verbs/schedule.js')],
  ['temporal', () => import('../verbs/temporal.js')],
  ['status', () => import('../verbs/status.js')],
  ['verify', () => import('../verbs/verify.js')],
  ['metrics', () => import('../verbs/metrics.js')],
  ['explain', () => import('../verbs/explain.js')],
  ['web', () => import('../verbs/web.js')],
  ['dead-letters', () => import('../verbs/deadLetters.js')],
  ['test', () => import('../verbs/test.js')],
  ['bench', () => import('../verbs/bench.js')],
]);
