/** One stream of the limit, a process: COPY of prepared files in one transaction. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { connectionConfig, inTransaction } from '../../clients/postgres/pool.js';
import { quoteIdent } from '../../clients/postgres/sql.js';
import { parseServers } from '../../domain/config/servers.js';
import { contest } from './children.js';
import type { CopyWork } from './copy.js';

const { name, format, copies } = JSON.parse(process.argv[2] ?? '') as CopyWork;
const client = new pg.Client(connectionConfig(parseServers(process.env), name));

await contest(
  async () => {
    await client.connect();
  },
  async () => {
    const before = process.cpuUsage();
    await inTransaction(client, async () => {
      for (const { family, columns, file } of copies) {
        const into = `${quoteIdent(family)} (${columns.map(quoteIdent).join(', ')})`;
        const copy = client.query(copyFrom(`COPY ${into} FROM STDIN (FORMAT ${format})`));
        await pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), copy);
      }
    });
    await client.end();
    const { user, system } = process.cpuUsage(before);
    return String(user + system);
  },
);
