import type { Servers } from '../../domain/config/config.js';
import { workflowQueue } from '../../domain/names.js';

/** Links are printed, logged and shown: a password in the address of the UI stays out of them. */
function baseOf({ temporal }: Servers): string | undefined {
  if (temporal.uiUrl === undefined) return undefined;
  const url = new URL(temporal.uiUrl);
  url.username = url.password = url.search = url.hash = '';
  return url.href.replace(/\/+$/, '');
}

/** Address of the installation's runs in Temporal's web UI; undefined where nobody told the UI's address. */
export function workflowsLink(servers: Servers, namespace: string, name: string): string | undefined {
  const base = baseOf(servers);
  if (base === undefined) return undefined;
  const query = encodeURIComponent(`TaskQueue = "${workflowQueue(name)}"`);
  return `${base}/namespaces/${encodeURIComponent(namespace)}/workflows?query=${query}`;
}

/** Address of a run in Temporal's web UI; undefined where nobody told the UI's address. */
export function uiLink(
  servers: Servers,
  namespace: string,
  run: { readonly workflowId: string; readonly runId: string },
): string | undefined {
  const base = baseOf(servers);
  if (base === undefined) return undefined;
  const part = encodeURIComponent;
  return `${base}/namespaces/${part(namespace)}/workflows/${part(run.workflowId)}/${part(run.runId)}/history`;
}
