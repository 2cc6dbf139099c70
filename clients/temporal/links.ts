import type { Servers } from '../../domain/config/config.js';

/** Address of a run in Temporal's web UI; undefined where nobody told the UI's address. */
export function uiLink(
  servers: Servers,
  namespace: string,
  run: { readonly workflowId: string; readonly runId: string },
): string | undefined {
  const base = servers.temporal.uiUrl?.replace(/\/+$/, '');
  if (base === undefined) return undefined;
  const part = encodeURIComponent;
  return `${base}/namespaces/${part(namespace)}/workflows/${part(run.workflowId)}/${part(run.runId)}/history`;
}
