import { SpoolUnavailable } from '../domain/errors.js';

const WHY: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on its disk',
  EDQUOT: 'the quota of its disk is used up',
  EROFS: 'its disk is read-only',
  EIO: 'its disk fails',
  EACCES: 'this process may not write there',
  EPERM: 'this process may not write there',
  ENOTDIR: 'it is no folder',
};

/** @throws SpoolUnavailable where `work` fails for what only a person or time can change about the disk */
export async function onSpoolDisk<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (e) {
    const why = WHY[(e as NodeJS.ErrnoException).code ?? ''];
    if (why === undefined) throw e;
    throw new SpoolUnavailable(
      `the spool ${folder} cannot be written: ${why}. Make room there, or set ingest.spool.dir to another place`,
      { cause: e },
    );
  }
}
