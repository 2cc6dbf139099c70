import type { Servers } from '../../domain/config/config.js';
import { connectTemporal, mapTemporalError } from '../temporal/index.js';

/** @returns e.g. `1.29.1, namespace default`. */
export async function probeTemporal(servers: Servers): Promise<string> {
  const temporal = await connectTemporal(servers);
  try {
    const { serverVersion } = await temporal.client.workflowService.getSystemInfo({});
    const namespace = temporal.target.namespace;
    await temporal.client.workflowService.describeNamespace({ namespace });
    return `${serverVersion}, namespace ${namespace}`;
  } catch (e) {
    throw mapTemporalError(e, temporal.target);
  } finally {
    await temporal.close();
  }
}
