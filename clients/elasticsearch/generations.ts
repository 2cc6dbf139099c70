import type { Client, estypes } from '@elastic/elasticsearch';
import { physicalIndex, readAlias, writeAlias, type Grain } from '../../domain/names.js';
import { createOrTake, ensureIndices, findIndex, nextGeneration, type GrainIndex } from './indices.js';
import { abortable } from './retry.js';
import { MAPPINGS } from './template.js';

/** What a new index notes in its mapping's `_meta`: which run builds it, and which index it comes after. */
interface BuildNote {
  readonly reindexRun: string;
  readonly replaces: string;
}

/** An index under construction, or one that this run has put behind the read alias already. */
export interface Build {
  readonly target: GrainIndex;
  /** The index that the read alias stood for when the building began. */
  readonly replaces: string;
  readonly live: boolean;
}

/** An index of the installation that no search reaches. */
export interface ReplacedIndex {
  readonly grain: Grain;
  readonly index: string;
  readonly documents: number;
  readonly bytes: number;
}

type Indices = Record<string, estypes.IndicesIndexState>;

const generationsOf = (client: Client, alias: string, signal?: AbortSignal): Promise<Indices> =>
  client.indices.get(
    { index: `${alias}-*`, ignore_unavailable: true, features: ['aliases', 'settings', 'mappings'] },
    abortable(signal),
  );

const generation = (index: string, alias: string): number => Number(index.slice(alias.length + 1));

const noteOf = (state: estypes.IndicesIndexState | undefined): Partial<BuildNote> =>
  state?.mappings?._meta ?? {};

function grainIndex(grain: Grain, index: string, state: estypes.IndicesIndexState | undefined): GrainIndex {
  return { grain, index, uuid: state?.settings?.index?.uuid ?? '' };
}

/**
 * The new index that `run` builds for a grain: as an earlier attempt of the same run left it, else made, with a
 * write alias and no read alias. Newer indices than the live one that other runs of ours have left unfinished are
 * removed; one without a note is somebody else's, and stays.
 * @returns also the names of those that were removed
 */
export async function openBuild(
  client: Client,
  name: string,
  grain: Grain,
  run: string,
  signal?: AbortSignal,
): Promise<Build & { readonly removed: readonly string[] }> {
  const [live] = await ensureIndices(client, name, signal, [grain]);
  if (live === undefined) throw new Error(`no index for the grain ${grain}`);
  const alias = readAlias(name, grain);
  const indices = await generationsOf(client, alias, signal);
  const liveNote = noteOf(indices[live.index]);
  if (liveNote.reindexRun === run)
    return { target: live, replaces: liveNote.replaces ?? live.index, live: true, removed: [] };

  const newer = Object.keys(indices).filter(
    (index) => generation(index, alias) > generation(live.index, alias),
  );
  const mine = newer.find((index) => noteOf(indices[index]).reindexRun === run);
  const removed = newer.filter((index) => index !== mine && noteOf(indices[index]).reindexRun !== undefined);
  if (removed.length > 0)
    await client.indices.delete({ index: removed, ignore_unavailable: true }, abortable(signal));
  if (mine !== undefined)
    return { target: grainIndex(grain, mine, indices[mine]), replaces: live.index, live: false, removed };

  const index = physicalIndex(name, grain, nextGeneration(indices, alias));
  const note: BuildNote = { reindexRun: run, replaces: live.index };
  const aliases = { [writeAlias(index)]: { is_write_index: true } };
  await createOrTake(client, { index, aliases, mappings: { ...MAPPINGS, _meta: note } }, signal);
  const made = await generationsOf(client, alias, signal);
  return { target: grainIndex(grain, index, made[index]), replaces: live.index, live: false, removed };
}

/** Puts `to` behind the grain's read alias in place of `from`, in one step: a search sees one or the other. */
export async function swapReadAlias(
  client: Client,
  name: string,
  grain: Grain,
  step: { readonly from: string; readonly to: string },
  signal?: AbortSignal,
): Promise<void> {
  const alias = readAlias(name, grain);
  await client.indices.updateAliases(
    {
      actions: [
        { remove: { index: step.from, alias, must_exist: true } },
        { add: { index: step.to, alias } },
      ],
    },
    abortable(signal),
  );
}

/** Documents that searches find in an index; call `refresh` first. */
export async function countDocuments(client: Client, index: string, signal?: AbortSignal): Promise<number> {
  return (await client.count({ index }, abortable(signal))).count;
}

/**
 * The installation's indices of a grain older than the one behind its read alias, oldest first; none where no alias
 * stands. An index of such a name that runs never fed, and that none of ours came after, is somebody else's.
 * @param fed indices that have a cursor
 */
export async function replacedIndices(
  client: Client,
  name: string,
  grain: Grain,
  fed: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<ReplacedIndex[]> {
  const live = await findIndex(client, name, grain, signal);
  if (live === undefined) return [];
  const alias = readAlias(name, grain);
  const all = await generationsOf(client, alias, signal);
  const replaced = new Set(Object.values(all).map((state) => noteOf(state).replaces));
  const older = Object.keys(all)
    .filter((index) => generation(index, alias) < generation(live.index, alias))
    .filter((index) => fed.has(index) || replaced.has(index) || noteOf(all[index]).reindexRun !== undefined)
    .sort((a, b) => generation(a, alias) - generation(b, alias));
  if (older.length === 0) return [];
  const { indices = {} } = await client.indices.stats(
    { index: older, metric: ['docs', 'store'] },
    abortable(signal),
  );
  return older.map((index) => ({
    grain,
    index,
    documents: indices[index]?.primaries?.docs?.count ?? 0,
    bytes: indices[index]?.primaries?.store?.size_in_bytes ?? 0,
  }));
}

/** Deletes indices by name; one that is gone already is no error. */
export async function dropIndices(client: Client, names: readonly string[]): Promise<void> {
  if (names.length > 0) await client.indices.delete({ index: [...names], ignore_unavailable: true });
}
