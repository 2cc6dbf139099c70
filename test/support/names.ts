import { randomBytes } from 'node:crypto';

/**
 * A namespace of its own: as installation name it names schema, queues, workflow ids and indexes. Made of what the
 * test is about and four random bytes, so that tests share the servers and a run never meets an older one's data.
 */
export const testName = (about: string): string =>
  `t_${about
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, 16)}_${randomBytes(4).toString('hex')}`;
