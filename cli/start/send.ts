import { openKafka } from '../../clients/kafka/index.js';
import { recordsOf } from '../verbs/produce.js';
import type { Demo } from './demo.js';

/** Sends all of the input to Kafka; the same every time, so that a second time only makes duplicates. */
export async function sendClicks(
  { ctx, options, settings }: Demo,
  onProgress: (records: number) => void,
): Promise<number> {
  const { config, servers } = settings;
  const counts = { lines: 0, unparsable: 0 };
  const records =
    options.input === undefined
      ? recordsOf([], { format: 'ndjson', generate: String(options.records) }, counts, ctx.signal)
      : recordsOf([options.input], { format: 'access-log' }, counts, ctx.signal);
  const kafka = openKafka(servers, `${config.name}-start`);
  try {
    const [topic = ''] = config.kafka.topics;
    const sent = await kafka.produce(topic, records, {
      signal: ctx.signal,
      onProgress: (so) => onProgress(so.records),
    });
    return sent.records;
  } finally {
    await kafka.close();
  }
}
