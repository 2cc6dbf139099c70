import type { Client } from '@elastic/elasticsearch';
import { ServerRefused } from '../../domain/errors.js';
import { readAlias, type Grain } from '../../domain/names.js';
import { mapEsError } from './errors.js';
import { abortable } from './retry.js';

/** What a grain's read alias stands for. */
export interface AliasState {
  readonly grain: Grain;
  readonly alias: string;
  /** Absent: there is no index behind it. */
  readonly index?: { readonly index: string; readonly uuid: string };
  /** Why runs are refused, and what to do. */
  readonly problem?: string;
}

/**
 * What keeps runs from using a read alias, in words; undefined: nothing.
 * @param found the indices that its name leads to
 */
export function aliasProblem(alias: string, found: readonly string[]): string | undefined {
  if (found.includes(alias))
    return `${alias} is an index, not an alias: somebody wrote to it by that name; delete it`;
  if (found.length <= 1) return undefined;
  return (
    `the read alias ${alias} must stand for one index, it stands for ${[...found].sort().join(' and ')}, and searches ` +
    `count both: take it away from all but one (POST /_aliases, action "remove")`
  );
}

/** Rejects with what `mapEsError` makes of an error. */
export async function readAliasState(
  client: Client,
  name: string,
  grain: Grain,
  signal?: AbortSignal,
): Promise<AliasState> {
  const alias = readAlias(name, grain);
  try {
    const indices = await client.indices.get(
      { index: alias, ignore_unavailable: true, features: ['settings'] },
      abortable(signal),
    );
    const problem = aliasProblem(alias, Object.keys(indices));
    const [first] = Object.entries(indices);
    return {
      grain,
      alias,
      ...(first && { index: { index: first[0], uuid: first[1].settings?.index?.uuid ?? '' } }),
      ...(problem !== undefined && { problem }),
    };
  } catch (e) {
    throw mapEsError(e);
  }
}

/** Throws `ServerRefused` where the read alias is not as runs need it. */
export function refuseProblem({ problem }: AliasState): void {
  if (problem !== undefined) throw new ServerRefused('Elasticsearch', problem);
}
