import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { openKafka } from '../../../clients/kafka/index.js';
import { parseServers } from '../../../domain/config/servers.js';
import { ServerRefused, ServerUnavailable } from '../../../domain/errors.js';
import { findJava } from '../../../infra/java.js';
import type { Ports } from '../../../infra/model.js';
import { answers, LOOPBACK } from '../../../infra/ports.js';
import { until } from '../../support/installation.js';
import { text } from '../../support/kafka.js';
import { withKafkaCluster } from '../../support/kafkaCluster.js';
import { addScramUser } from '../../support/scramUser.js';

const PASSWORD = 'correct horse';

/** A certificate that is its own authority, in the JDK's key store and as PEM text. */
async function makeCertificate(folder: string): Promise<{ store: string; pem: string }> {
  const java = await findJava(process.env);
  const keytool = path.join(path.dirname(java.file), 'keytool');
  const store = path.join(folder, 'broker.p12');
  const common = ['-alias', 'broker', '-keystore', store, '-storetype', 'PKCS12', '-storepass', PASSWORD];
  const run = promisify(execFile);
  const about = ['-keyalg', 'EC', '-dname', 'CN=broker', '-ext', `san=ip:${LOOPBACK}`, '-validity', '2'];
  await run(keytool, ['-genkeypair', ...common, ...about]);
  const { stdout: pem } = await run(keytool, ['-exportcert', '-rfc', ...common]);
  return { store, pem };
}

const plainLogin = `org.apache.kafka.common.security.plain.PlainLoginModule required user_clicks="${PASSWORD}";`;
const scramLogin = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';

/** A record there and back over a connection that the environment describes. */
async function writesAndReads(environment: NodeJS.ProcessEnv, topic: string): Promise<void> {
  const kafka = openKafka(parseServers(environment), 'clickstream-test');
  await kafka.createTopic(topic, 1);
  await kafka.produce(topic, [{ value: Buffer.from(topic) }]);
  const [fetched] = await kafka.fetch(topic, new Map([[0, 0n]]), {
    maxWaitMs: 5_000,
    maxBytes: 10_000,
    lane: 'test',
  });
  const [record] = fetched?.items ?? [];
  assert.ok(record !== undefined && 'value' in record);
  assert.equal(text(record.value), topic);
  await kafka.close();
}

/** Every call is refused for good, by the name of what is wrong, without a password. */
async function isRefused(
  environment: NodeJS.ProcessEnv,
  named: RegExp,
  kind: typeof ServerRefused | typeof ServerUnavailable = ServerRefused,
): Promise<void> {
  const refused = openKafka(parseServers(environment), 'clickstream-test');
  await assert.rejects(refused.describe('secured'), (e) => {
    assert.ok(e instanceof kind, String(e));
    assert.match(e.message, named);
    assert.ok(!e.message.includes('guessed') && !e.message.includes(PASSWORD));
    return true;
  });
  await refused.close();
}

test('TLS and SASL, PLAIN and SCRAM: the same code reads and writes; what is wrong is refused by the name of its variable', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kafka-tls-'));
  const { store, pem } = await makeCertificate(folder);
  let scramPort = 0;
  const settings = (ports: Ports) => {
    scramPort = ports['second'] ?? 0;
    const advertised = [
      `PLAINTEXT://${LOOPBACK}:${ports.main}`,
      `SASL_SSL://${LOOPBACK}:${ports['spare']}`,
      `SASL_PLAINTEXT://${LOOPBACK}:${scramPort}`,
    ].join(',');
    return {
      listeners: `${advertised},CONTROLLER://${LOOPBACK}:${ports['controller']}`,
      'advertised.listeners': advertised,
      'listener.security.protocol.map':
        'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
      'listener.name.sasl_ssl.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_ssl.plain.sasl.jaas.config': plainLogin,
      'listener.name.sasl_plaintext.sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config': scramLogin,
      'listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config': scramLogin,
      'ssl.keystore.location': store,
      'ssl.keystore.type': 'PKCS12',
      'ssl.keystore.password': PASSWORD,
      'ssl.key.password': PASSWORD,
    };
  };
  try {
    await withKafkaCluster({ size: 1, settings }, async (cluster) => {
      const environment = {
        KAFKA_BROKERS: cluster.spareListeners.join(','),
        KAFKA_SSL: 'true',
        KAFKA_SSL_CA: pem,
        KAFKA_SASL_MECHANISM: 'plain',
        KAFKA_SASL_USERNAME: 'clicks',
        KAFKA_SASL_PASSWORD: PASSWORD,
      };
      const [, port = ''] = (cluster.spareListeners[0] ?? '').split(':');
      // The cluster waits for its main listeners alone.
      for (const listener of [Number(port), scramPort])
        await until('the secured listeners', 60_000, () => answers(listener));
      await writesAndReads(environment, 'secured');

      const plain = { KAFKA_BROKERS: cluster.brokers.join(',') };
      await isRefused({ ...environment, KAFKA_SASL_PASSWORD: 'guessed' }, /KAFKA_SASL_PASSWORD/);
      await isRefused(
        { ...environment, KAFKA_SASL_MECHANISM: 'scram-sha-256' },
        /KAFKA_SASL_MECHANISM|mechanism/i,
      );
      await isRefused({ ...environment, KAFKA_SSL_CA: undefined }, /KAFKA_SSL_CA/);
      await isRefused({ ...environment, ...plain }, /KAFKA_SSL/, ServerUnavailable);

      for (const mechanism of ['scram-sha-256', 'scram-sha-512'] as const) {
        const user = { mechanism, name: `clicks-${mechanism}`, password: PASSWORD };
        await addScramUser(cluster.brokers[0] ?? '', user);
        const scram = {
          KAFKA_BROKERS: `${LOOPBACK}:${scramPort}`,
          KAFKA_SASL_MECHANISM: mechanism,
          KAFKA_SASL_USERNAME: user.name,
          KAFKA_SASL_PASSWORD: PASSWORD,
        };
        await writesAndReads(scram, mechanism);
        const login = /invalid credentials.*SCRAM.*KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD/;
        await isRefused({ ...scram, KAFKA_SASL_PASSWORD: 'guessed' }, login);
        await isRefused({ ...scram, KAFKA_SASL_USERNAME: 'nobody' }, login);
      }
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
