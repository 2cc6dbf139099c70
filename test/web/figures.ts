/** A made-up site's figures in an index of its own, each grain the sum of the one below. */
import { createHash } from 'node:crypto';
import { ensureIndices, refresh } from '../../clients/elasticsearch/index.js';
import { type Grain } from '../../domain/names.js';
import type { TestInstallation } from '../clients/elasticsearch/installation.js';
import { sendChanges, type Change } from '../support/changes.js';

export interface Hour {
  /** ISO without minutes: `2026-11-28T05`. */
  readonly hour: string;
  readonly url: string;
  readonly country: string;
  readonly clicks: number;
  readonly bots?: number;
  readonly users?: number;
  readonly timed?: number;
  readonly totalMs?: number;
}

const windowOf: Readonly<Record<Grain, (hour: string) => string | null>> = {
  hour: (hour) => `${hour}:00:00.000Z`,
  day: (hour) => `${hour.slice(0, 10)}T00:00:00.000Z`,
  month: (hour) => `${hour.slice(0, 7)}-01T00:00:00.000Z`,
  total: () => null,
};

function documentsOf(hours: readonly Hour[], grain: Grain, version: string): Change[] {
  const groups = new Map<string, Hour[]>();
  for (const hour of hours) {
    const key = JSON.stringify([windowOf[grain](hour.hour), hour.url, hour.country]);
    groups.set(key, [...(groups.get(key) ?? []), hour]);
  }
  return [...groups].map(([key, group]) => {
    const sum = (of: (hour: Hour) => number | undefined): number =>
      group.reduce((total, hour) => total + (of(hour) ?? 0), 0);
    const [windowStart, url, country] = JSON.parse(key) as [string | null, string, string];
    const timed = sum((hour) => hour.timed);
    const totalMs = sum((hour) => hour.totalMs);
    const document = {
      grain,
      windowStart,
      url,
      country,
      clickCount: String(sum((hour) => hour.clicks)),
      botClicks: String(sum((hour) => hour.bots)),
      uniqueUsers: String(sum((hour) => hour.users)),
      uniqueUsersExact: true,
      timedClicks: String(timed),
      totalTimeSpentMs: String(totalMs),
      avgTimeSpentMs: timed === 0 ? null : totalMs / timed,
      medianTimeSpentMs: null,
      p90TimeSpentMs: null,
      version,
    };
    return { id: createHash('sha256').update(`${grain}${key}`).digest('hex'), version, document };
  });
}

/** Makes the indices and puts the figures of all grains into them; a higher version replaces those of a lower one. */
export async function indexFigures(t: TestInstallation, hours: readonly Hour[], version = 1): Promise<void> {
  const targets = await ensureIndices(t.elasticsearch, t.name);
  for (const { grain, index } of targets) {
    const changes = documentsOf(hours, grain, String(version));
    await sendChanges(t.elasticsearch, { index }, changes, { patienceMs: 20_000 });
  }
  await refresh(
    t.elasticsearch,
    targets.map(({ index }) => index),
  );
}
