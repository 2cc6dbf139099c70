import type pg from 'pg';
import type { Column, Config } from '../../../domain/config/config.js';
import { FiguresOutdated } from '../../../domain/errors.js';
import { hasFigures } from './run.js';

/** What the figures depend on besides the rows: the session time-out and which column plays which part. */
function aggregateFingerprint(config: Config): string {
  const { url, user, session, timeSpent, bot, country } = config.roles;
  const place = (column: Column | undefined): string =>
    column ? `${column.family}.${column.name}:${column.type}` : '-';
  return [
    'figures=1',
    `session_timeout=${config.analyze.sessionTimeoutMs}ms`,
    `url=${place(url)}`,
    `user=${place(user)}`,
    `session=${place(session)}`,
    `time_spent=${place(timeSpent)}`,
    `bot=${place(bot)}`,
    `country=${place(country)}`,
  ].join(' ');
}

/**
 * Stores the fingerprint with the first figures and compares it ever after. The caller holds the figures' lock.
 * Throws FiguresOutdated: figures of two settings must not stand side by side.
 */
export async function checkFingerprint(client: pg.ClientBase, config: Config): Promise<void> {
  const own = aggregateFingerprint(config);
  await client.query('INSERT INTO aggregate_settings (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING', [
    own,
  ]);
  const { rows } = await client.query<{ fingerprint: string }>('SELECT fingerprint FROM aggregate_settings');
  const stored = rows[0]?.fingerprint ?? own;
  if (stored === own) return;
  if (!(await hasFigures(client))) {
    await client.query('UPDATE aggregate_settings SET fingerprint = $1', [own]);
    return;
  }
  const before = new Set(stored.split(' '));
  const changed = own.split(' ').filter((part) => !before.has(part));
  throw new FiguresOutdated(
    `analyze.session_timeout or roles differ from those that the stored figures were computed with ` +
      `(now ${changed.join(', ')}; stored ${stored}). Put the old settings back, or give the new ones to another ` +
      `installation (another name); recomputing stored figures (backfill) comes in a later version`,
  );
}
