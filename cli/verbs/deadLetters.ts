import { isUtf8 } from 'node:buffer';
import { deadLetter, deadLettersByReason, type DeadLetter } from '../../clients/postgres/deadLetters.js';
import { openPostgres, type Postgres } from '../../clients/postgres/pool.js';
import { UsageError } from '../../domain/errors.js';
import { printable } from '../format/table.js';
import { loadConfig } from '../loadConfig.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

/** Raw bytes as text where they are text, else base64. */
export function rawBytes(bytes: Buffer | null): { text: string } | { base64: string } | null {
  if (bytes === null) return null;
  return isUtf8(bytes) && !bytes.includes(0)
    ? { text: bytes.toString('utf8') }
    : { base64: bytes.toString('base64') };
}

const INDENT = 11;

/** A terminal must not obey what a record says, and no line of it may pass for one of ours. */
const harmless = (text: string): string =>
  text
    .split('\n')
    .map(printable)
    .join(`\n${' '.repeat(INDENT)}`);

const shown = (bytes: Buffer | null): string => {
  const raw = rawBytes(bytes);
  if (raw === null) return '(none)';
  return 'text' in raw ? harmless(raw.text) : `base64 ${raw.base64}`;
};

const asText = (d: DeadLetter): string =>
  [
    ['id', d.id],
    ['reason', d.reason],
    ['field', d.field ?? '(the whole record)'],
    ['message', harmless(d.message)],
    ['record', `${d.topic}, partition ${d.partition}, offset ${d.offset}`],
    ['kafka time', d.kafkaTimestamp ?? '(none)'],
    ['event id', d.eventId ?? '(unreadable)'],
    ['rejected', `${d.rejectedAt}, batch ${d.batchId}`],
    ['key', shown(d.key)],
    ['value', shown(d.value)],
  ]
    .map(([name = '', value = '']) => `${name.padEnd(INDENT)}${value}`)
    .join('\n');

async function withPostgres<T>(ctx: CliContext, use: (postgres: Postgres) => Promise<T>): Promise<T> {
  const { config, servers } = await loadConfig({ config: ctx.config });
  const postgres = openPostgres(servers, config.name, { max: 2 });
  try {
    return await use(postgres);
  } finally {
    await postgres.close();
  }
}

export function register(program: Command, ctx: CliContext): void {
  const verb = program
    .command('dead-letters')
    .description('records that did not become clicks: by reason, or one in full')
    .addHelpText('after', examples(['clickstream dead-letters list', 'clickstream dead-letters show 17']))
    .addHelpText(
      'after',
      exitCodes({ 0: 'done', 2: 'usage or configuration', 3: 'PostgreSQL is unreachable' }),
    );
  verb
    .command('list')
    .description('counts by reason and field; the ids of the first and the last')
    .action(async () => {
      const groups = await withPostgres(ctx, deadLettersByReason);
      const lines = groups.map(
        (g) =>
          `${String(g.count).padStart(9)}  ${g.reason}${g.field === null ? '' : ` ${g.field}`}  (${g.firstId === g.lastId ? `id ${g.firstId}` : `ids ${g.firstId} to ${g.lastId}`}, last ${g.lastRejectedAt})`,
      );
      ctx.result({ groups }, lines.length === 0 ? 'no dead letters' : lines.join('\n'));
    });
  verb
    .command('show')
    .description('one dead letter with its raw bytes')
    .argument('<id>', 'as `list` shows it')
    .action(async (id: string) => {
      if (!/^[1-9]\d{0,17}$/.test(id))
        throw new UsageError(`id: expected a whole number, got ${JSON.stringify(id)}`);
      const found = await withPostgres(ctx, (postgres) => deadLetter(postgres, id));
      if (found === undefined) throw new UsageError(`id: there is no dead letter ${id}`);
      ctx.result({ ...found, key: rawBytes(found.key), value: rawBytes(found.value) }, asText(found));
    });
  verb
    .command('replay')
    .description('send them through the pipeline again (comes in a later version)')
    .action(() => {
      throw new UsageError('dead-letters replay comes in a later version');
    });
}
