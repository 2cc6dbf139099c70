// @ts-check
/**
 * Records anew the checksums of all that Maven brings, after a version in maven/pom.xml has changed:
 *
 *     node infra/recordChecksums.mjs PATH/TO/apache-maven-3.9.11/bin/mvn
 *
 * The path is that of the Maven that `up` fetched, in the cache folder. Look at the difference before committing.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'maven');
const maven = process.argv[2];
if (!maven) {
  console.error('usage: node infra/recordChecksums.mjs PATH/TO/apache-maven-3.9.11/bin/mvn');
  process.exit(2);
}
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'clickstream-checksums-'));
const checks = 'aether.artifactResolver.postProcessor.trustedChecksums';
const source = 'aether.trustedChecksumsSource.summaryFile';
const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
// An empty repository, so that every file is downloaded and recorded.
fs.rmSync(path.join(folder, 'checksums'), { recursive: true, force: true });
const { status } = spawnSync(
  maven,
  [
    '-B',
    '-f',
    path.join(folder, 'pom.xml'),
    `-Dmaven.repo.local=${work}/repository`,
    '-Daether.dependencyCollector.impl=bf',
    '-Daether.connector.basic.threads=16',
    `-D${checks}=true`,
    `-D${checks}.checksumAlgorithms=SHA-256`,
    `-D${checks}.record=true`,
    `-D${source}=true`,
    `-D${source}.basedir=${folder}/checksums`,
    `-D${source}.originAware=false`,
    `-Dclickstream.out=${work}/out`,
    `${plugin}:copy-dependencies@jars`,
    `${plugin}:unpack-dependencies@elasticsearch`,
  ],
  { stdio: 'inherit' },
);
fs.rmSync(work, { recursive: true, force: true });
process.exitCode = status ?? 1;
