import type { Position } from '../domain/stages.js';
import type { IngestDeps } from './deps.js';

/**
 * What is persisted, as the offsets of the consumer group `<name>`, for the lag tools that people use. Nobody reads them
 * back, so nobody waits for them and a failure is only worth a line in the log: the next batch or run tells again.
 */
export class GroupOffsets {
  /** Per topic and partition, what the group has not been told yet. */
  private readonly waiting = new Map<string, Map<number, string>>();
  private readonly sending = new Set<string>();

  constructor(private readonly deps: Pick<IngestDeps, 'kafka' | 'config' | 'logger'>) {}

  note(topic: string, positions: readonly Position[]): void {
    const waiting = this.waiting.get(topic) ?? new Map<number, string>();
    for (const { partition, offset } of positions) waiting.set(partition, offset);
    this.waiting.set(topic, waiting);
    if (!this.sending.has(topic)) void this.send(topic);
  }

  /** One commit of a topic at a time: of two under way, the older could come in last. */
  private async send(topic: string): Promise<void> {
    const { kafka, config, logger } = this.deps;
    this.sending.add(topic);
    for (let next; (next = this.waiting.get(topic)) !== undefined;) {
      this.waiting.delete(topic);
      const positions = [...next].map(([partition, offset]) => ({ partition, offset }));
      try {
        await kafka.commitGroupOffsets(config.name, topic, positions);
      } catch (e) {
        const err = e instanceof Error ? e.message : String(e);
        logger.debug({ topic, err }, 'offsets were not committed to the consumer group');
      }
    }
    this.sending.delete(topic);
  }
}
