/**
 * What Elasticsearch alone can do: the same bytes, ready in memory, over as many connections, answers hardly read, and
 * the refresh that makes them found, as the activity ends with.
 */
import { Agent, request } from 'node:http';
import type { Servers } from '../../domain/config/config.js';

/** @returns seconds until all is found */
export async function sendRaw(
  servers: Servers,
  alias: string,
  bodies: readonly Buffer[],
  connections: number,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const post = (path: string, body: Buffer, wanted: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.length };
      const outgoing = request(
        new URL(path, servers.elasticsearch.url),
        { method: 'POST', agent, headers },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (part: string) => (text += part));
          answer.once('end', () =>
            wanted.test(text) ? resolve() : reject(new Error(`raw: ${path}: ${text.slice(0, 500)}`)),
          );
          answer.once('error', reject);
        },
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  const begun = performance.now();
  const queue = bodies.values();
  const lane = async (): Promise<void> => {
    for (const body of queue)
      await post(`/${alias}/_bulk?require_alias=true&filter_path=errors`, body, /^{"errors":false}$/);
  };
  try {
    await Promise.all(Array.from({ length: connections }, lane));
    await post(
      `/${alias}/_refresh?filter_path=_shards.failed`,
      Buffer.alloc(0),
      /^{"_shards":{"failed":0}}$/,
    );
    return (performance.now() - begun) / 1000;
  } finally {
    agent.destroy();
  }
}
