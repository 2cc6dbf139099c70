import { errors, type Client, type estypes } from '@elastic/elasticsearch';
import { ServerRefused } from '../../domain/errors.js';
import { GRAINS, physicalIndex, readAlias, writeAlias, type Grain } from '../../domain/names.js';
import { aliasProblem, readAliasState, refuseProblem } from './aliases.js';
import { causeOf, IndexGone, mapEsError } from './errors.js';
import { abortable } from './retry.js';
import { ensureTemplate, MAPPINGS } from './template.js';

/** One physical index; `uuid` tells an index from another of the same name. */
export interface GrainIndex {
  readonly grain: Grain;
  readonly index: string;
  readonly uuid: string;
}

type Indices = Record<string, estypes.IndicesIndexState>;

const refuse = (message: string, cause?: unknown): ServerRefused =>
  new ServerRefused('Elasticsearch', message, { cause });

/** Every index of a grain: those behind its read alias, and those that carry its name. */
async function listIndices(client: Client, alias: string, signal?: AbortSignal): Promise<Indices> {
  return client.indices.get(
    { index: [alias, `${alias}-*`], ignore_unavailable: true, features: ['aliases', 'settings'] },
    abortable(signal),
  );
}

/** The next number that no index of this grain has carried: an index that lost its alias is left alone. */
export function nextGeneration(indices: Indices, alias: string): number {
  const numbers = Object.keys(indices).map((name) => Number(name.slice(alias.length + 1)));
  return 1 + Math.max(0, ...numbers.filter((n) => Number.isSafeInteger(n)));
}

/** Creates an index, or takes the one of this name that another attempt made at the same moment. */
export async function createOrTake(
  client: Client,
  request: estypes.IndicesCreateRequest,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await client.indices.create(request, abortable(signal));
  } catch (e) {
    if (!(e instanceof errors.ResponseError && causeOf(e).type === 'resource_already_exists_exception'))
      throw e;
  }
}

/** The write alias stands for this index alone, whatever was done to it by hand. */
async function ensureWriteAlias(client: Client, indices: Indices, index: string, signal?: AbortSignal) {
  const alias = writeAlias(index);
  const holders = Object.keys(indices).filter((name) => indices[name]?.aliases?.[alias] !== undefined);
  if (holders.length === 1 && holders[0] === index) return;
  const actions = holders
    .filter((other) => other !== index)
    .map((other) => ({ remove: { index: other, alias } }));
  await client.indices.updateAliases(
    { actions: [...actions, { add: { index, alias, is_write_index: true } }] },
    abortable(signal),
  );
}

/** The index behind the grain's read alias, made if there is none. */
async function ensureIndex(
  client: Client,
  name: string,
  grain: Grain,
  signal?: AbortSignal,
): Promise<GrainIndex> {
  const alias = readAlias(name, grain);
  let indices = await listIndices(client, alias, signal);
  const behind = () => Object.keys(indices).filter((index) => indices[index]?.aliases?.[alias] !== undefined);
  if (behind().length === 0) {
    const problem = aliasProblem(alias, indices[alias] === undefined ? [] : [alias]);
    if (problem !== undefined) throw refuse(problem);
    const index = physicalIndex(name, grain, nextGeneration(indices, alias));
    const aliases = { [alias]: {}, [writeAlias(index)]: { is_write_index: true } };
    await createOrTake(client, { index, aliases }, signal);
    indices = await listIndices(client, alias, signal);
  }
  const found = behind();
  const problem = aliasProblem(alias, found);
  if (problem !== undefined) throw refuse(problem);
  const [index] = found;
  if (index === undefined) throw refuse(`the read alias ${alias} stands for no index: something removes it`);
  const uuid = indices[index]?.settings?.index?.uuid;
  if (uuid === undefined) throw refuse(`Elasticsearch does not say the uuid of ${index}`);
  await ensureWriteAlias(client, indices, index, signal);
  // An index of an older version gets the new fields; one with other types of the same fields is refused here,
  // once, and not document by document. Under a write block the mapping stands as it is: asking would wait.
  if (!isBlocked(indices[index])) await client.indices.putMapping({ index, ...MAPPINGS }, abortable(signal));
  return { grain, index, uuid };
}

function isBlocked(state: estypes.IndicesIndexState | undefined): boolean {
  const blocks = state?.settings?.index?.blocks;
  return blocks !== undefined && Object.values(blocks).some((value) => String(value) === 'true');
}

/**
 * The template and, per grain, an index with its two aliases: as found, or made. Safe to call at any time, also
 * by two workers at once. Rejects with `ServerRefused` where a template, an alias or a mapping of somebody
 * else's stands in the way, otherwise with what `mapEsError` makes of an error.
 */
export async function ensureIndices(
  client: Client,
  name: string,
  signal?: AbortSignal,
  grains: readonly Grain[] = GRAINS,
): Promise<GrainIndex[]> {
  try {
    await ensureTemplate(client, name, signal);
    const made: GrainIndex[] = [];
    for (const grain of grains) made.push(await ensureIndex(client, name, grain, signal));
    return made;
  } catch (e) {
    const refused = e instanceof errors.ResponseError && (e.statusCode === 400 || e.statusCode === 404);
    if (!refused) throw mapEsError(e);
    const { type, reason } = causeOf(e);
    throw refuse(`Elasticsearch refused the indices ${name}-metrics-*: ${type ?? ''}: ${reason ?? ''}`, e);
  }
}

/**
 * The index behind a grain's read alias, as it is; undefined when there is none. Rejects with `ServerRefused` where
 * the alias is not as it must be, else with what `mapEsError` makes of an error.
 */
export async function findIndex(
  client: Client,
  name: string,
  grain: Grain,
  signal?: AbortSignal,
): Promise<GrainIndex | undefined> {
  const state = await readAliasState(client, name, grain, signal);
  refuseProblem(state);
  return state.index && { grain, ...state.index };
}

/** Those of the named indices that are there. */
export async function existingIndices(
  client: Client,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<string[]> {
  const found = await client.indices.get(
    { index: [...names], ignore_unavailable: true, features: ['settings'] },
    abortable(signal),
  );
  return Object.keys(found);
}

/** Makes everything written so far visible to searches. @throws IndexGone when one of them is not there */
export async function refresh(
  client: Client,
  indices: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  try {
    await client.indices.refresh({ index: [...indices] }, abortable(signal));
  } catch (e) {
    if (e instanceof errors.ResponseError && e.statusCode === 404) throw new IndexGone(indices.join(', '));
    throw e;
  }
}
