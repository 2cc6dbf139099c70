/** The workflow types, public names: what the web UI, the `temporal` command line and scripts start. */
export { analyze } from './analyze.js';
export { backfill } from './backfill.js';
export { ingest } from './ingest.js';
export { pipeline } from './pipeline.js';
export { reindex } from './reindex.js';
export { replay } from './replay.js';
