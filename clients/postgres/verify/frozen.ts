import type pg from 'pg';
import { countClicks } from '../status/queries.js';
import { readRetired, type Frozen } from '../retention/frozen.js';
import { equal, type Check } from './check.js';

/**
 * The promise down to the index: what the tables hold, and what the frozen hours stand for, is what the documents
 * count.
 * @param documents clicks per grain
 * @param waits marks or figures are under way, so the documents need not be level yet
 */
export async function checkFrozen(
  client: pg.ClientBase,
  frozen: Frozen,
  documents: Readonly<Record<string, number>>,
  waits: boolean,
): Promise<Check[]> {
  const rows = await countClicks(client);
  const dropped = (await readRetired(client)).clicks;
  const level = equal('rows + clicks of frozen hours = clicks in the documents, per grain', {
    [`${rows} rows + ${frozen.clicks} frozen`]: rows + frozen.clicks,
    ...documents,
  });
  return [
    equal('frozen hours hold the clicks that retention dropped', {
      dropped,
      'in frozen hours': frozen.clicks,
    }),
    waits && !level.ok ? { ...level, ok: true, detail: `${level.detail}, waiting` } : level,
  ];
}
