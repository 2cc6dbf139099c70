/** The JDK that runs Kafka, Spark and Elasticsearch. */
import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { SetUpFailed } from './failure.js';
import type { Place } from './model.js';

export interface Java {
  readonly file: string;
  readonly home: string;
  readonly version: number;
}

const LEAST = 17;
const run = promisify(execFile);

/** JAVA_HOME's, else the one on PATH. @throws SetUpFailed when there is none, or an older one. */
export async function findJava(env: Place['env']): Promise<Java> {
  const fromHome = env['JAVA_HOME'] && path.join(env['JAVA_HOME'], 'bin', 'java');
  if (fromHome && !existsSync(fromHome)) {
    throw new SetUpFailed(`JAVA_HOME: expected a JDK of ${LEAST} or later, but there is no ${fromHome}`);
  }
  const found = fromHome || whichSync('java', env);
  if (!found) {
    throw new SetUpFailed(
      `Kafka, Spark and Elasticsearch need a JDK of ${LEAST} or later: no java on PATH and no JAVA_HOME ` +
        `(on Debian and Ubuntu: apt-get install openjdk-17-jre-headless)`,
    );
  }
  const file = realpathSync(found);
  const { stderr, stdout } = await run(file, ['-version']);
  const version = Number(/version "(\d+)/.exec(stderr + stdout)?.[1] ?? 0);
  if (version < LEAST) {
    throw new SetUpFailed(
      `${found}: expected Java ${LEAST} or later, got ${version}; set JAVA_HOME to a newer JDK`,
    );
  }
  return { file, home: path.dirname(path.dirname(file)), version };
}

/** The program's path on PATH, or undefined. */
export function whichSync(program: string, env: Place['env']): string | undefined {
  return (env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => path.join(folder, program))
    .find((file) => existsSync(file));
}
