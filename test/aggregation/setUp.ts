/** An installation with every role: clicks go through Kafka and the ingest's own stages, figures through Spark. */
import assert from 'node:assert/strict';
import type { Client as Elasticsearch } from '@elastic/elasticsearch';
import { createRunSparkAggregation } from '../../activities/runSparkAggregation.js';
import { withClient } from '../../clients/postgres/pool.js';
import { compareFigures } from '../../clients/postgres/verify/compare.js';
import { noteWaiting, recomputeFigures } from '../../clients/postgres/verify/recompute.js';
import { supplySpark } from '../../clients/spark/index.js';
import { GRAINS } from '../../domain/names.js';
import type { AggregationResult, RunSparkAggregationInput } from '../../domain/stages.js';
import { install, type Installation } from '../activities/installation.js';
import { newActivity } from '../support/aggregation.js';
import { comparable, storedFigures, type Stored } from '../support/figures.js';
import { plainFigures, type Click } from '../support/plainFigures.js';

const ROLES = `
families:
  click_data:
    url: { type: text, from: [url], required: true }
    user_id: { type: text, from: [user] }
    session_id: { type: text, from: [session] }
    is_bot: { type: boolean, from: [bot] }
    spent: { type: double, from: [spentMs] }
  geo_data:
    country: { type: text, from: [country] }
  user_agent_data: {}
roles:
  { url: click_data.url, user: click_data.user_id, session: click_data.session_id, bot: click_data.is_bot,
    time_spent: click_data.spent, country: geo_data.country }
`;

/** Of a sketch that keeps 4,096 hashes. */
export const THREE_ERRORS = 3 / 64;

export interface Aggregation {
  readonly installation: Installation;
  /** Sends clicks to Kafka and ingests them, however many batches that takes. */
  send(clicks: readonly Click[]): Promise<void>;
  /** One run of the activity, of all marks unless bounded. */
  run(input?: RunSparkAggregationInput): Promise<AggregationResult>;
  /** Runs until no mark waits. */
  runAll(): Promise<void>;
  /** Marks every hour that holds a click. */
  markAll(): Promise<void>;
  stored(): Promise<Stored>;
  /**
   * The stored figures are those of exactly these clicks: by plain loops, and by the product's own oracle. Estimated
   * users are within three standard errors.
   */
  areFiguresOf(clicks: readonly Click[]): Promise<void>;
  /** As after `migrate`, but that Kafka's log and the ledger go on. */
  wipe(): Promise<void>;
  close(): Promise<void>;
}

export async function setUpAggregation(what: string): Promise<Aggregation> {
  const installation = await install(what, {
    text: (yaml) =>
      yaml
        .slice(0, yaml.indexOf('families:'))
        .replace('from: [event_id]', 'from: [id]')
        .replace('from: [t]', 'from: [time]')
        .replace('records: 1000', 'records: 20000') + ROLES.trimStart(),
  });
  const { postgres, config } = installation;
  const spark = supplySpark(installation.servers.spark.remote);
  const activity = createRunSparkAggregation({
    ...installation,
    spark: () => spark.session(),
    elasticsearch: { then: undefined } as unknown as Elasticsearch,
    patienceMs: 1000,
  });
  const run = (input: RunSparkAggregationInput = {}): Promise<AggregationResult> =>
    newActivity(10_000).run(activity, input);
  return {
    installation,
    run,
    async send(clicks) {
      await installation.produce(clicks.map((click) => JSON.stringify(click)));
      await installation.drain();
    },
    async runAll() {
      while ((await run()).marksLeft > 0);
    },
    async markAll() {
      await installation.rows(
        `INSERT INTO window_mark (window_start, batch_id)
         SELECT DISTINCT date_trunc('hour', event_time, 'UTC'), 'test' FROM click_data`,
      );
    },
    stored: () => storedFigures(postgres),
    async areFiguresOf(clicks) {
      const { figures } = await storedFigures(postgres);
      const expected = plainFigures(clicks);
      for (const [key, { users, exact }] of expected) {
        const found = figures.get(key);
        if (exact || found === undefined) continue;
        assert.ok(Math.abs(found.users - users) < users * THREE_ERRORS, `${key}: ${found.users} of ${users}`);
        figures.set(key, { ...found, users });
      }
      assert.deepEqual(comparable(figures), comparable(expected));
      const judged = await withClient(postgres, 'verify', async (client) => {
        await client.query('BEGIN');
        await noteWaiting(client);
        await recomputeFigures(client, config);
        const comparisons = [];
        for (const grain of GRAINS) comparisons.push(await compareFigures(client, grain));
        await client.query('ROLLBACK');
        return comparisons;
      });
      assert.deepEqual(
        judged.flatMap(({ named }) => named),
        [],
        'verify',
      );
    },
    async wipe() {
      await installation.rows(
        `DELETE FROM click_data; DELETE FROM geo_data; DELETE FROM click_metrics; DELETE FROM window_mark`,
      );
    },
    async close() {
      await spark.close();
      await installation.close();
    },
  };
}
