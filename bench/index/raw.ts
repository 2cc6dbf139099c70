/** What Elasticsearch alone can do: the same bytes, ready in memory, over as many connections, answers hardly read. */
import { Agent, request } from 'node:http';
import type { Servers } from '../../domain/config/config.js';

/** @returns seconds until the last answer */
export async function sendRaw(
  servers: Servers,
  alias: string,
  bodies: readonly Buffer[],
  connections: number,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const url = new URL(`/${alias}/_bulk?require_alias=true&filter_path=errors`, servers.elasticsearch.url);
  const post = (body: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.length };
      const outgoing = request(url, { method: 'POST', agent, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.once('end', () =>
          text === '{"errors":false}' ? resolve() : reject(new Error(`raw bulk: ${text.slice(0, 500)}`)),
        );
        answer.once('error', reject);
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  const begun = performance.now();
  const queue = bodies.values();
  const lane = async (): Promise<void> => {
    for (const body of queue) await post(body);
  };
  try {
    await Promise.all(Array.from({ length: connections }, lane));
    return (performance.now() - begun) / 1000;
  } finally {
    agent.destroy();
  }
}
