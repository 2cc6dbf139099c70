import type { Client } from '@elastic/elasticsearch';
import { GRAINS, indexTemplate, readAlias } from '../domain/names.js';

/** Deletes an installation's indices and template. */
export async function dropIndices(client: Client, name: string): Promise<void> {
  const index = GRAINS.map((grain) => `${readAlias(name, grain)}-*`);
  const found = Object.keys(await client.indices.get({ index, ignore_unavailable: true }));
  if (found.length > 0) await client.indices.delete({ index: found });
  await client.indices.deleteIndexTemplate({ name: indexTemplate(name) }, { ignore: [404] });
}
