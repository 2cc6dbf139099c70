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
import { answers, LOOPBACK } from '../../../infra/ports.js';
import { until } from '../../support/installation.js';
import { text } from '../../support/kafka.js';
import { withKafkaCluster } from '../../support/kafkaCluster.js';

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

const login = `org.apache.kafka.common.security.plain.PlainLoginModule required user_clicks="${PASSWORD}";`;

test('TLS and SASL: the same code reads and writes; what is wrong is refused by the name of its variable', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kafka-tls-'));
  const { store, pem } = await makeCertificate(folder);
  const settings = (ports: Readonly<Record<string, number>>) => ({
    listeners: [
      `PLAINTEXT://${LOOPBACK}:${ports['main']}`,
      `CONTROLLER://${LOOPBACK}:${ports['controller']}`,
      `SASL_SSL://${LOOPBACK}:${ports['spare']}`,
    ].join(','),
    'advertised.listeners': `PLAINTEXT://${LOOPBACK}:${ports['main']},SASL_SSL://${LOOPBACK}:${ports['spare']}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL',
    'sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': login,
    'ssl.keystore.location': store,
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.password': PASSWORD,
    'ssl.key.password': PASSWORD,
  });
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
      await until('the secured listener', 60_000, () => answers(Number(port)));
      const kafka = openKafka(parseServers(environment), 'clickstream-test');
      await kafka.createTopic('secured', 1);
      await kafka.produce('secured', [{ value: Buffer.from('over TLS') }]);
      const [fetched] = await kafka.fetch('secured', new Map([[0, 0n]]), {
        maxWaitMs: 5_000,
        maxBytes: 10_000,
        lane: 'test',
      });
      const [record] = fetched?.items ?? [];
      assert.ok(record !== undefined && 'value' in record);
      assert.equal(text(record.value), 'over TLS');
      await kafka.close();

      const plain = { KAFKA_BROKERS: cluster.brokers.join(',') };
      for (const [wrong, named, kind = ServerRefused] of [
        [{ ...environment, KAFKA_SASL_PASSWORD: 'guessed' }, /KAFKA_SASL_PASSWORD/],
        [{ ...environment, KAFKA_SASL_MECHANISM: 'scram-sha-256' }, /KAFKA_SASL_MECHANISM|mechanism/i],
        [{ ...environment, KAFKA_SSL_CA: undefined }, /KAFKA_SSL_CA/],
        [{ ...environment, ...plain }, /KAFKA_SSL/, ServerUnavailable],
      ] as const) {
        const refused = openKafka(parseServers(wrong), 'clickstream-test');
        await assert.rejects(refused.describe('secured'), (e) => {
          assert.ok(e instanceof kind, String(e));
          assert.match(e.message, named);
          assert.ok(!e.message.includes('guessed') && !e.message.includes(PASSWORD));
          return true;
        });
        await refused.close();
      }
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
