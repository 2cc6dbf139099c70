import type pg from 'pg';
import type { Column, Config } from '../../../domain/config/config.js';
import { dayText } from '../../../domain/backfill/range.js';
import { FiguresOutdated } from '../../../domain/errors.js';
import { daysToCompute } from '../backfill/days.js';
import {
  adoptFingerprint,
  daysNoted,
  daysOfOtherSettings,
  hasDaysNotedOtherwise,
  noteDay,
  storedFingerprint,
} from '../backfill/settings.js';

/** What the figures depend on besides the rows: the session time-out and which column plays which part. */
export function aggregateFingerprint(config: Config): string {
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
 * Before a run of marked hours: all figures must be of the run's settings. Those of an installation without figures
 * become the run's. The caller holds the figures' lock.
 * @throws FiguresOutdated: figures of two settings must not be mixed, but by the backfill that changes all of them
 */
export async function checkFingerprint(client: pg.ClientBase, config: Config): Promise<void> {
  const own = aggregateFingerprint(config);
  const stored = await storedFingerprint(client);
  if (stored === own && !(await hasDaysNotedOtherwise(client, own))) return;
  const outdated = (await daysOfOtherSettings(client, own)).map((day) => day.getTime());
  if (outdated.length === 0) return adoptFingerprint(client, own);
  const done = new Set((await daysNoted(client, own)).map((day) => day.getTime()));
  // The backfill computes the days of clicks that no run has seen yet as well.
  const days = stored === own ? outdated : (await daysToCompute(client)).filter((day) => !done.has(day));
  const before = new Set((stored ?? '').split(' '));
  const changed = own.split(' ').filter((part) => !before.has(part));
  const [what, way] =
    changed.length > 0
      ? [
          `analyze.session_timeout or roles differ from those that the stored figures were computed with (now ` +
            `${changed.join(', ')}; stored ${stored ?? 'none'})`,
          'or put the old settings back',
        ]
      : [
          'a backfill with another analyze.session_timeout or other roles was begun and has not ended',
          'or end that one, with its settings',
        ];
  throw new FiguresOutdated(
    `${what}. Days to be computed again with these settings: ${days.length}, ${firstAndLast(days)}` +
      `${done.size === 0 ? '' : `; done: ${done.size}`}. \`clickstream backfill\` does it, and runs of marked hours go on ` +
      `after it; ${way}`,
  );
}

const firstAndLast = (days: readonly number[]): string =>
  days
    .filter((_, i) => i === 0 || i === days.length - 1)
    .map(dayText)
    .join(' to ');

/**
 * After a backfill's run of one day: notes that its figures are of the run's settings, where others are not. With
 * the last such day the settings become everybody's. The caller holds the figures' lock.
 */
export async function noteSettingsOf(client: pg.ClientBase, config: Config, day: Date): Promise<void> {
  const own = aggregateFingerprint(config);
  if ((await storedFingerprint(client)) === own && !(await hasDaysNotedOtherwise(client, own))) return;
  await noteDay(client, day, own);
  if ((await daysOfOtherSettings(client, own)).length === 0) await adoptFingerprint(client, own);
}
