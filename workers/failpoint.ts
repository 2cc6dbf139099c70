import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { noFailpoint } from '../activities/deps.js';
import type { Failpoint } from '../activities/deps.js';
import { ConfigurationError } from '../domain/errors.js';

const MODES = ['kill', 'stop', 'fail', 'sleep'] as const;
type Mode = (typeof MODES)[number];

/**
 * For tests of this code alone: `CLICKSTREAM_FAILPOINT=persistBatch:after-commit[:kill]`, comma-separated, ends
 * (`kill -9`), stops (SIGSTOP), fails or delays (5 s) the process the first time it comes by that place. With
 * `CLICKSTREAM_FAILPOINT_MARKER=FILE` it happens once over all processes: the file says that it did.
 */
export function failpointFromEnv(env: NodeJS.ProcessEnv = process.env): Failpoint {
  const wanted = new Map((env['CLICKSTREAM_FAILPOINT'] ?? '').split(',').filter(Boolean).map(parse));
  if (wanted.size === 0) return noFailpoint;
  const marker = env['CLICKSTREAM_FAILPOINT_MARKER'];
  return async (name) => {
    const mode = wanted.get(name);
    if (mode === undefined || (marker !== undefined && existsSync(marker))) return;
    wanted.delete(name);
    if (marker !== undefined) writeFileSync(marker, `${name} ${mode} ${process.pid}\n`, { flag: 'a' });
    if (mode === 'fail') throw new Error(`failpoint ${name}`);
    if (mode === 'sleep') await sleep(5000);
    if (mode === 'stop') process.kill(process.pid, 'SIGSTOP');
    if (mode === 'kill') {
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => undefined);
    }
  };
}

function parse(text: string): [string, Mode] {
  const [stage = '', place = '', mode = 'kill'] = text.split(':');
  const known = MODES.find((candidate) => candidate === mode);
  if (stage === '' || place === '' || known === undefined)
    throw new ConfigurationError(
      `CLICKSTREAM_FAILPOINT: expected <activity>:<place>[:${MODES.join('|')}], got ${JSON.stringify(text)}`,
    );
  return [`${stage}:${place}`, known];
}
