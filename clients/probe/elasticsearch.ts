import type { Servers } from '../../domain/config/config.js';
import { mapEsError, openElasticsearch } from '../elasticsearch/index.js';

/** @returns e.g. `8.19.21, green`. Not by client.info(), which a distribution without its REST root refuses. */
export async function probeElasticsearch(servers: Servers, timeoutMs: number): Promise<string> {
  const client = openElasticsearch(servers);
  try {
    const options = { requestTimeout: timeoutMs };
    const { status } = await client.cluster.health({}, options);
    const { nodes } = await client.nodes.info({ filter_path: 'nodes.*.version' }, options);
    const versions = new Set(Object.values(nodes ?? {}).map((node) => node.version));
    return [...versions, status].join(', ');
  } catch (e) {
    throw mapEsError(e);
  } finally {
    await client.close();
  }
}
