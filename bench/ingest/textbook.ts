/** The peer: a consumer group of kafkajs, JSON.parse, and INSERTs of many rows with ON CONFLICT into the same tables. */
import { checkRows, makeDays, measure, perEvent, withTables, type Bench, type Run } from './bench.js';
import { startContestant } from './children.js';
import { configurationOf } from './configuration.js';
import { daysOf } from './shape.js';
import type { FilledTopic } from './topics.js';

/** The argument of textbookConsumer.ts. */
export interface TextbookWork {
  readonly name: string;
  readonly topic: string;
  readonly events: number;
}

/** The last line of textbookConsumer.ts; the clock runs from the first batch, so that joining the group costs nothing. */
export interface TextbookResult {
  readonly seconds: number;
  readonly nodeUs: number;
}

export async function runTextbook(bench: Bench, filled: FilledTopic): Promise<Run> {
  const { topic, distinct } = filled;
  const { events } = filled.shape;
  const { config } = configurationOf({
    name: `bench_textbook_${topic.slice(-8)}`,
    topics: [topic],
    values: 'as sent',
    spoolDir: '/',
  });
  return withTables(bench, config, async (postgres) => {
    await makeDays(postgres, daysOf(filled.shape));
    const work: TextbookWork = { name: config.name, topic, events };
    const consumer = await startContestant(bench, './textbookConsumer.js', work);
    let result: TextbookResult | undefined;
    const { postgresUs } = await measure(postgres, async () => {
      result = JSON.parse(await consumer.go()) as TextbookResult;
    });
    await checkRows(postgres, distinct);
    return {
      events,
      seconds: result?.seconds ?? NaN,
      nodeUs: perEvent(result?.nodeUs, events),
      postgresUs: perEvent(postgresUs, events),
    };
  });
}
