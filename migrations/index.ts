import { ledger } from './001-ledger.js';
import { figures } from './002-figures.js';
import { retention } from './003-retention.js';
import { backfill } from './004-backfill.js';
import { keyIndex } from './005-key-index.js';
import { runActivity } from './006-run-activity.js';

/** Forward only, in this order; names carry no extension, so that sources and build output agree. */
export const MIGRATIONS = [ledger, figures, retention, backfill, keyIndex, runActivity] as const;
