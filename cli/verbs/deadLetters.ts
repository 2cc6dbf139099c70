import { isUtf8 } from 'node:buffer';
import { deadLetter, type DeadLetter } from '../../clients/postgres/deadLetters.js';
import { UsageError } from '../../domain/errors.js';
import { printable } from '../format/table.js';
import { registerList } from '../deadLetters/list.js';
import { lendPostgres } from '../deadLetters/postgres.js';
import { registerReplay } from '../deadLetters/replay.js';
import { letterId } from '../deadLetters/selection.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

/** Raw bytes as text where they are text, else base64. */
function rawBytes(bytes: Buffer | null): { text: string } | { base64: string } | null {
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

export function register(program: Command, ctx: CliContext): void {
  const verb = program
    .command('dead-letters')
    .description('records that did not become clicks: by reason, one in full, or again through the pipeline')
    .addHelpText(
      'after',
      examples([
        'clickstream dead-letters list',
        'clickstream dead-letters show 17',
        'clickstream dead-letters replay --all --dry-run',
      ]),
    )
    .addHelpText(
      'after',
      exitCodes({ 0: 'done', 2: 'usage or configuration', 3: 'PostgreSQL is unreachable' }),
    );
  const withPostgres = lendPostgres(ctx);
  registerList(verb, ctx, withPostgres);
  verb
    .command('show')
    .description('one dead letter with its raw bytes')
    .argument('<id>', 'as `list` shows it')
    .action(async (id: string) => {
      const found = await withPostgres((postgres) => deadLetter(postgres, letterId(id)));
      if (found === undefined) throw new UsageError(`id: there is no dead letter ${id}`);
      ctx.result({ ...found, key: rawBytes(found.key), value: rawBytes(found.value) }, asText(found));
    });
  registerReplay(verb, ctx);
}
