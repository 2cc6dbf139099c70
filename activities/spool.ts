import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '../clients/kafka/crc32c.js';
import { mappingFingerprint } from '../clients/settings/fingerprint.js';
import type { Config } from '../domain/config/config.js';
import { SpoolLost } from '../domain/errors.js';
import { stateDir } from '../domain/folders.js';
import { silentLogger, type Logger } from '../domain/logger.js';
import type { OffsetRange } from '../domain/stages.js';
import type { ClaimedRows } from './rowClaims.js';
import { onSpoolDisk } from './spoolDisk.js';
import { holdSpool } from './spoolLock.js';

/** A family's rows, the rejected records, and one entry per row: its id and where it ends in each family's file. */
export const SPOOL_FILES = ['click_data', 'geo_data', 'user_agent_data', 'rejected', 'rows'] as const;
export type SpoolFile = (typeof SPOOL_FILES)[number];

/** Raised when what the files or the meta hold changes: a batch of another form is consumed again. */
const FORM = 3;

export interface SpoolMeta extends ClaimedRows {
  readonly batchId: string;
  readonly fingerprint: string;
  readonly sourceId: number;
  readonly ranges: readonly OffsetRange[];
  readonly days: readonly string[];
  readonly records: number;
  readonly rows: number;
  readonly rejected: number;
  readonly filtered: number;
  /** Filtered records per reason. */
  readonly filteredBy: Readonly<Record<string, number>>;
}
export interface SpooledBatch extends SpoolMeta {
  readonly files: Readonly<Record<SpoolFile, { readonly bytes: number; readonly crc: number }>>;
}

export interface SpoolWriter {
  write(file: SpoolFile, bytes: Buffer): Promise<void>;
  /** Makes the batch readable under its id; one of the same id is replaced. */
  commit(meta: Omit<SpoolMeta, 'fingerprint'>): Promise<void>;
  discard(): Promise<void>;
}

/** Where the next batch begins, as PostgreSQL has it; undefined: unknown. */
export type CommittedOffset = (sourceId: number, partition: number) => bigint | undefined;

/**
 * A bounded cache of parsed batches on this machine's disk: whatever is missing is read from Kafka again. Nothing
 * is synced; lengths and checksums tell a file that a crash cut off.
 */
export interface Spool {
  readonly id: string;
  readonly full: boolean;
  begin(): Promise<SpoolWriter>;
  /** @throws SpoolLost: gone, cut off, or written under another configuration */
  find(batchId: string): Promise<SpooledBatch>;
  path(batchId: string, file: SpoolFile): string;
  /** Whether this process wrote it: then no crash can have cut its files off. */
  isOwn(batchId: string): boolean;
  remove(batchId: string): Promise<void>;
  /** Deletes what lies below the committed offsets, and what nobody asked for in an hour. */
  sweep(committed: CommittedOffset): Promise<void>;
  close(): Promise<void>;
}

const STALE_MS = 60 * 60 * 1000;
const TEMPORARY = 'writing-';
const META = 'meta.json';

/** `ingest.spool.dir`, else the state folder's `spool`; below it a folder per installation. */
const spoolRoot = (config: Config): string =>
  join(
    config.ingest.spool.dir ??
      join(stateDir(process.env, { uid: process.getuid?.(), home: homedir() }), 'spool'),
    config.name,
  );

/** What a batch's bytes depend on: a batch written under another mapping is consumed again. */
const fingerprintOf = (config: Config): string => `${FORM}-${mappingFingerprint(config)}`;

/**
 * Takes a spool of this installation that no other process holds. What an earlier process left is kept.
 * What is written throws SpoolUnavailable when the disk is full or refuses.
 */
export async function openSpool(config: Config, logger: Logger = silentLogger): Promise<Spool> {
  const root = spoolRoot(config);
  const held = await onSpoolDisk(root, () => holdSpool(root));
  const { folder } = held;
  const fingerprint = fingerprintOf(config);
  const limit = config.ingest.spool.bytes;
  /** Bytes by batch, temporary folders included. */
  const sizes = new Map<string, number>();
  const own = new Set<string>();
  const drop = async (name: string): Promise<void> => {
    sizes.delete(name);
    own.delete(name);
    await rm(join(folder, name), { recursive: true, force: true });
  };
  const metaOf = async (batchId: string): Promise<SpooledBatch> =>
    JSON.parse(await readFile(join(folder, batchId, META), 'utf8')) as SpooledBatch;

  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const meta = entry.name.startsWith(TEMPORARY)
      ? undefined
      : await metaOf(entry.name).catch(() => undefined);
    if (meta === undefined) await drop(entry.name);
    else sizes.set(entry.name, sum(meta));
  }
  if (sizes.size > 0)
    logger.info({ spool: held.id, batches: sizes.size }, 'found batches of an earlier process');

  return {
    id: held.id,
    get full() {
      let bytes = 0;
      for (const size of sizes.values()) bytes += size;
      return bytes >= limit;
    },
    begin: () =>
      onSpoolDisk(folder, async () => {
        const name = `${TEMPORARY}${randomBytes(8).toString('hex')}`;
        const at = join(folder, name);
        await mkdir(at, { mode: 0o700 });
        const handles = new Map(
          await Promise.all(
            SPOOL_FILES.map(async (file) => [file, await open(join(at, file), 'wx', 0o600)] as const),
          ),
        );
        const files = Object.fromEntries(SPOOL_FILES.map((f) => [f, { bytes: 0, crc: 0 }])) as Record<
          SpoolFile,
          { bytes: number; crc: number }
        >;
        const closeAll = async (): Promise<void> => {
          for (const handle of handles.values()) await handle.close();
          handles.clear();
        };
        return {
          write: (file, bytes) =>
            onSpoolDisk(folder, async () => {
              await handles.get(file)?.writeFile(bytes);
              files[file] = { bytes: files[file].bytes + bytes.length, crc: crc32c(bytes, files[file].crc) };
              sizes.set(name, (sizes.get(name) ?? 0) + bytes.length);
            }),
          commit: (meta) =>
            onSpoolDisk(folder, async () => {
              await closeAll();
              const batch: SpooledBatch = { ...meta, fingerprint, files };
              const handle = await open(join(at, META), 'wx', 0o600);
              await handle.writeFile(JSON.stringify(batch));
              await handle.close();
              await drop(meta.batchId);
              await rename(at, join(folder, meta.batchId));
              sizes.delete(name);
              sizes.set(meta.batchId, sum(batch));
              own.add(meta.batchId);
            }),
          discard: async () => {
            await closeAll();
            await drop(name);
          },
        };
      }),
    find: async (batchId) => {
      let batch: SpooledBatch;
      try {
        batch = await metaOf(batchId);
      } catch (e) {
        throw new SpoolLost(`batch ${batchId} is not in spool ${held.id}`, { cause: e });
      }
      if (batch.fingerprint !== fingerprint)
        throw new SpoolLost(`batch ${batchId} was written under another configuration`);
      for (const file of SPOOL_FILES) {
        const found = await stat(join(folder, batchId, file)).catch(() => undefined);
        if (found?.size !== batch.files[file].bytes)
          throw new SpoolLost(
            `batch ${batchId}: ${file} has ${found?.size ?? 'no'} bytes, expected ${batch.files[file].bytes}`,
          );
      }
      return batch;
    },
    path: (batchId, file) => join(folder, batchId, file),
    isOwn: (batchId) => own.has(batchId),
    remove: drop,
    sweep: async (committed) => {
      for (const batchId of [...sizes.keys()].filter((name) => !name.startsWith(TEMPORARY))) {
        const meta = await metaOf(batchId).catch(() => undefined);
        const age = Date.now() - ((await stat(join(folder, batchId)).catch(() => undefined))?.mtimeMs ?? 0);
        const passed = meta?.ranges.every(
          (range) => (committed(meta.sourceId, range.partition) ?? 0n) >= BigInt(range.to),
        );
        if (passed !== false || age > STALE_MS) await drop(batchId);
      }
    },
    close: () => held.release(),
  };
}

const sum = (batch: SpooledBatch): number => SPOOL_FILES.reduce((n, file) => n + batch.files[file].bytes, 0);
