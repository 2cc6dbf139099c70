import { Context } from '@temporalio/activity';
import { asPositions } from '../clients/postgres/offsets.js';
import { mappingFingerprint } from '../clients/settings/fingerprint.js';
import type { NotedOffsets, NoteOffsetsInput } from '../domain/stages.js';
import type { IngestDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { KnownTopics } from './knownTopic.js';
import { openSource } from './ingestSource.js';

/** Notes how far the topics can be read now, in how many shards each is ingested, and by which mapping. */
export function createNoteOffsets(
  deps: Pick<IngestDeps, 'kafka' | 'postgres' | 'config' | 'logger'>,
): (input: NoteOffsetsInput) => Promise<NotedOffsets> {
  const known = new KnownTopics(deps.postgres);
  return wrapActivity(async ({ topic }) => {
    const signal = Context.current().cancellationSignal;
    const topics = [];
    for (const each of topic === undefined ? deps.config.kafka.topics : [topic]) {
      const { source, ends } = await known.read(each, async () => {
        const source = await openSource(deps, each, signal);
        return {
          source,
          ends: await deps.kafka.lastStableOffsets(each, source.description.partitions, signal),
        };
      });
      const { shards, wantedShards } = source;
      topics.push({
        topic: each,
        shards,
        ...(wantedShards !== shards && { wanted: wantedShards }),
        offsets: asPositions(ends),
      });
    }
    return { topics, mapping: mappingFingerprint(deps.config) };
  });
}
