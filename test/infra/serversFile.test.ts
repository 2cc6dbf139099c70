import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readServersFile, serversFilePath, updateServersFile } from '../../infra/serversFile.js';
import { startServers, stopServers } from '../../infra/servers.js';

const stateDir = mkdtempSync(path.join(os.tmpdir(), 'clickstream-servers-'));
after(() => rmSync(stateDir, { recursive: true }));

test('before the first up there are no servers', () => {
  assert.deepEqual(readServersFile(path.join(stateDir, 'none')), { processes: {}, lastPorts: {} });
});

test('servers.json can be read by its owner alone, for it holds a password', () => {
  updateServersFile(stateDir, (file) => ({ ...file, elasticsearch: { url: 'http://127.0.0.1:9200' } }));
  assert.equal(statSync(serversFilePath(stateDir)).mode & 0o777, 0o600);
  assert.equal(readServersFile(stateDir).elasticsearch?.url, 'http://127.0.0.1:9200');
});

test('a broken servers.json is an error that names the file', () => {
  const broken = path.join(stateDir, 'broken');
  updateServersFile(broken, (file) => file);
  writeFileSync(serversFilePath(broken), '{ "kafka":');
  assert.throws(() => readServersFile(broken), /servers\.json: expected JSON/);
});

test('down leaves a process alone that got the number of a server which is gone', async () => {
  const stale = path.join(stateDir, 'stale');
  const log = path.join(stale, 'kafka.log');
  updateServersFile(stale, () => ({
    kafka: { brokers: ['127.0.0.1:9092'] },
    // This very process, under a start time that is not its own.
    processes: { kafka: { pid: process.pid, started: 'another time', ports: { main: 9092 }, log } },
    lastPorts: { kafka: { main: 9092 } },
  }));
  assert.deepEqual(await stopServers({ stateDir: stale }), []);
  const file = readServersFile(stale);
  assert.equal(file.kafka, undefined);
  assert.deepEqual(file.processes, {});
  assert.deepEqual(file.lastPorts, { kafka: { main: 9092 } });
});

test('a server that the environment names is used, not started', async () => {
  const env = {
    KAFKA_BROKERS: 'k:9092',
    PGHOST: 'p',
    SPARK_REMOTE: 'sc://s:15002',
    ELASTICSEARCH_URL: 'http://e:9200',
    TEMPORAL_ADDRESS: 't:7233',
  };
  const starting = startServers({ env, stateDir: path.join(stateDir, 'named'), cacheDir: stateDir });
  assert.equal(await starting.ready.kafka, 'environment');
  const { started, file } = await starting.finished;
  assert.deepEqual(started, []);
  assert.deepEqual(file.processes, {});
});
