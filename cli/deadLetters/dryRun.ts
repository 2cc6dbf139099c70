import type { ReplayPage, ReplaySelection } from '../../domain/stages.js';
import { planPage } from '../../activities/replayPlan.js';
import { openDecoder } from '../../clients/enrich/decoder.js';
import { seenClicks } from '../../clients/postgres/foresee/seen.js';
import { openPostgres, withClient } from '../../clients/postgres/pool.js';
import { firstDeadRecords, lastDeadLetter, sourcesFrom } from '../../clients/postgres/replay.js';
import { readFloor } from '../../clients/postgres/retention/floor.js';
import { visitorKey } from '../../clients/postgres/visitorKey.js';
import { countsOf } from '../foresee/present.js';
import { Foresight, type Stored } from '../foresee/foresight.js';
import type { Settings } from '../loadConfig.js';
import { addCounts, NO_COUNTS, type Counts } from '../../domain/stages.js';

/** What a replay would do now under the configuration of this command; nothing is written and no worker is asked. */
export async function foreseeReplay(
  { config, servers }: Settings,
  selection: ReplaySelection,
  signal: AbortSignal,
): Promise<{ readonly counts: Counts; readonly examined: number }> {
  const postgres = openPostgres(servers, config.name, { max: 1 });
  const ask = <T>(use: Parameters<typeof withClient<T>>[2]): Promise<T> =>
    withClient(postgres, `${config.name}:replayPlan`, use);
  try {
    const key =
      servers.visitorKey === undefined ? await visitorKey(postgres) : Buffer.from(servers.visitorKey);
    const decoder = await openDecoder(config, key);
    const stored: Stored = {
      floor: await ask(readFloor),
      seenClicks: (wanted) => ask((client) => seenClicks(client, wanted)),
      // They are dead letters already: one that fails again stays.
      seenDeadLetters: () => Promise.resolve(new Set()),
    };
    const foresight = new Foresight(decoder, stored);
    const upTo = await ask(lastDeadLetter);
    let page: ReplayPage | undefined;
    let [counts, examined] = [NO_COUNTS, 0];
    while ((page = await planPage({ postgres, decoder }, selection, upTo, page)) !== undefined) {
      signal.throwIfAborted();
      const span = page;
      const limits = { letters: span.letters, bytes: Number.MAX_SAFE_INTEGER };
      const letters = await ask((client) => firstDeadRecords(client, span, selection, limits));
      const [source] = await ask((client) => sourcesFrom(client, span.sourceId));
      if (source === undefined) break;
      const { persisted, duplicates, filtered } = countsOf(await foresight.judge(letters, source));
      const deadLetters = -(persisted + duplicates + filtered);
      counts = addCounts(counts, { records: 0, persisted, duplicates, deadLetters, filtered });
      examined += letters.length;
    }
    return { counts, examined };
  } finally {
    await postgres.close();
  }
}
