import { deadLetters, deadLettersByReason } from '../../clients/postgres/deadLetters.js';
import { UsageError } from '../../domain/errors.js';
import { table } from '../format/table.js';
import { isoOption } from '../format/window.js';
import { examples, type CliContext, type Command } from '../support/verb.js';
import { selectionOf } from './selection.js';
import type { WithPostgres } from './postgres.js';

interface ListOptions {
  readonly reason?: string;
  readonly field?: string;
  readonly since?: string;
  readonly limit?: string;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 10_000;

export function registerList(verb: Command, ctx: CliContext, withPostgres: WithPostgres): void {
  verb
    .command('list')
    .description('counts by reason and field; single ones, the newest first, with an option')
    .option('--reason <reason>', 'single ones of this reason')
    .option('--field <field>', 'single ones of this field, such as click_data.url')
    .option('--since <time>', 'single ones rejected from this time on')
    .option('--limit <n>', `how many single ones, at most ${MAX_LIMIT} (default: ${DEFAULT_LIMIT})`)
    .addHelpText(
      'after',
      examples([
        'clickstream dead-letters list',
        'clickstream dead-letters list --reason wrong_type --limit 10',
      ]),
    )
    .action(async (options: ListOptions) => {
      const { reason, field, since } = options;
      const limit = limitOption(options.limit);
      if (reason === undefined && field === undefined && since === undefined && limit === undefined)
        return listGroups(ctx, withPostgres);
      const selection = selectionOf({
        ...(reason !== undefined && { reason }),
        ...(field !== undefined && { field }),
      });
      const from = since === undefined ? {} : { from: isoOption('--since', since) };
      const letters = await withPostgres((postgres) =>
        deadLetters(postgres, { ...selection, ...from }, limit ?? DEFAULT_LIMIT),
      );
      const columns = ['id', 'rejected', 'record', 'reason', 'field', 'message'].map((title) => ({ title }));
      const rows = letters.map((d) => [
        d.id,
        d.rejectedAt,
        `${d.topic} ${d.partition}/${d.offset}`,
        d.reason,
        d.field ?? '(the whole record)',
        d.message,
      ]);
      ctx.result({ letters }, rows.length === 0 ? 'no dead letters' : table(columns, rows));
    });
}

async function listGroups(ctx: CliContext, withPostgres: WithPostgres): Promise<void> {
  const groups = await withPostgres(deadLettersByReason);
  const lines = groups.map((g) => {
    const ids = g.firstId === g.lastId ? `id ${g.firstId}` : `ids ${g.firstId} to ${g.lastId}`;
    const field = g.field === null ? '' : ` ${g.field}`;
    return `${String(g.count).padStart(9)}  ${g.reason}${field}  (${ids}, last ${g.lastRejectedAt})`;
  });
  ctx.result({ groups }, lines.length === 0 ? 'no dead letters' : lines.join('\n'));
}

function limitOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const n = Number(text);
  if (!/^\d{1,5}$/.test(text) || n < 1 || n > MAX_LIMIT)
    throw new UsageError(
      `--limit: expected a whole number from 1 to ${MAX_LIMIT}, got ${JSON.stringify(text)}`,
    );
  return n;
}
