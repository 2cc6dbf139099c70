/** `clickstream web` as a process of its own, as people run it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../support/cli.js';

export interface WebServer {
  /** Ends with a slash. */
  readonly url: string;
  stop(): Promise<void>;
}

const configOf = (name: string): string => `
version: 1
name: ${name}
kafka: { topics: [${name}-clicks] }
event: { time: { from: [t], formats: [iso] } }
families: { click_data: { url: { type: text, from: [url], required: true } } }
roles: { url: click_data.url }
`;

/** Serves the figures of the installation `name`, on a port that is free; the other servers are the environment's. */
export async function startWeb(
  name: string,
  elasticsearchUrl: string,
  words: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<WebServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'web-'));
  const config = path.join(folder, 'web.yaml');
  writeFileSync(config, configOf(name));
  const bin = path.join(ROOT, 'cli/clickstream.mjs');
  const child = spawn(process.execPath, [bin, '--config', config, '--json', 'web', '--port', '0', ...words], {
    cwd: ROOT,
    env: { ...process.env, ELASTICSEARCH_URL: elasticsearchUrl, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const ended = once(child, 'exit');
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as unknown[];
  if (typeof line !== 'string') throw new Error(`clickstream web ended with ${String(line)}: ${complaint}`);
  const { url } = JSON.parse(line) as { url: string };
  return {
    url,
    async stop() {
      child.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The status of a request as fetch makes none: with a path that it would resolve, or with another Host. */
export const statusOf = (
  url: string,
  options: {
    readonly path: string;
    readonly method?: string;
    readonly headers?: Record<string, string>;
  },
): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    request({ hostname, port, ...options }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
