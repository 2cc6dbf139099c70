import { once } from 'node:events';
import {
  openElasticsearch,
  searchFigures,
  SORTABLE,
  type Figure,
  type FigureQuery,
  type Sortable,
} from '../../clients/elasticsearch/index.js';
import { UsageError } from '../../domain/errors.js';
import { GRAINS } from '../../domain/names.js';
import { CSV_HEADER, figureCsv, figureJson, figureTable } from '../format/figures.js';
import { isoOption } from '../format/window.js';
import { loadConfig } from '../loadConfig.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

/** Rows of the table without --limit. */
const TABLE_ROWS = 20;

export interface MetricsOptions {
  readonly grain?: string;
  readonly url?: string;
  readonly country?: string;
  readonly from?: string;
  readonly to?: string;
  readonly sort?: string;
  readonly limit?: string;
  readonly csv?: boolean;
  readonly merge?: boolean;
}

function choice<T extends string>(option: string, value: string, choices: readonly T[]): T {
  const found = choices.find((one) => one === value);
  if (found === undefined) {
    throw new UsageError(`${option}: expected one of ${choices.join(', ')}, got '${value}'`);
  }
  return found;
}

/** The options as a query. Throws `UsageError` naming the option. */
export function toQuery(options: MetricsOptions): FigureQuery {
  if (options.merge === true) {
    throw new UsageError('--merge (unique users over a range, from the sketches) comes in a later version');
  }
  const grain = choice('--grain', options.grain ?? 'total', GRAINS);
  const sort: Sortable = choice('--sort', options.sort ?? 'click_count', SORTABLE);
  const from = options.from === undefined ? undefined : isoOption('--from', options.from);
  const to = options.to === undefined ? undefined : isoOption('--to', options.to);
  if (grain === 'total' && (from !== undefined || to !== undefined)) {
    const option = from === undefined ? '--to' : '--from';
    throw new UsageError(`${option}: the total is over all time; choose --grain hour, day or month`);
  }
  if (from !== undefined && to !== undefined && from >= to) {
    throw new UsageError(`--to: expected a time after --from (${from}), got ${to}`);
  }
  if (options.limit !== undefined && !/^[1-9]\d{0,8}$/.test(options.limit)) {
    throw new UsageError(`--limit: expected a whole number from 1 to 999999999, got '${options.limit}'`);
  }
  const { url, country } = options;
  return {
    grain,
    sort,
    ...(url !== undefined && { url: url.endsWith('*') ? { prefix: url.slice(0, -1) } : url }),
    ...(country !== undefined && { country: /^[a-z]{2}$/i.test(country) ? country.toUpperCase() : country }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(options.limit !== undefined && { limit: Number(options.limit) }),
  };
}

/** Prints page by page, as fast as the reader takes it: everything may be more than fits into memory. */
async function printLines(
  ctx: CliContext,
  pages: AsyncIterable<readonly Figure[]>,
  line: (f: Figure) => string,
  header?: string,
): Promise<void> {
  // Only when the index has answered: a file with nothing but the header would look like an empty answer.
  let pending = header;
  const printHeader = (): void => {
    if (pending !== undefined) ctx.out(pending);
    pending = undefined;
  };
  for await (const page of pages) {
    printHeader();
    ctx.out(page.map(line).join('\n'));
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain', { signal: ctx.signal });
  }
  printHeader();
}

async function printTable(
  ctx: CliContext,
  query: FigureQuery,
  pages: AsyncIterable<readonly Figure[]>,
  rows: number,
): Promise<void> {
  const found: Figure[] = [];
  for await (const page of pages) found.push(...page);
  if (found.length === 0) {
    ctx.progress('no figures: nothing matches, or no run of the pipeline has indexed anything yet');
    return;
  }
  const shown = found.slice(0, rows);
  ctx.out(figureTable(query.grain, shown, process.stdout.isTTY ? process.stdout.columns : 200));
  if (found.length > rows) ctx.progress(`… and more: --limit N for N rows, --csv or --json for everything`);
}

export function register(program: Command, ctx: CliContext): void {
  program
    .command('metrics')
    .description('search the figures: clicks, people and time per URL and country')
    .option('--grain <grain>', `the windows' length: ${GRAINS.join(', ')} (UTC)`, 'total')
    .option('--url <url>', 'only this URL, letter by letter; with a * at the end, all that begin so')
    .option('--country <code>', 'only this country (ISO code; ZZ: unknown)')
    .option(
      '--from <time>',
      'only windows that begin at this time or later (ISO date or time; UTC without a zone)',
    )
    .option('--to <time>', 'only windows that begin before this time')
    .option(
      '--sort <figure>',
      `${SORTABLE.join(', ')}; figures and times falling, texts rising`,
      'click_count',
    )
    .option(
      '--limit <n>',
      `at most so many figures (default: ${TABLE_ROWS} in the table, everything in --csv and --json)`,
    )
    .option('--csv', `comma-separated values: ${CSV_HEADER}`)
    .option('--merge', 'comes in a later version')
    .addHelpText(
      'after',
      '\nWith --json: one object a line (NDJSON), with every figure. In the table, ~ marks an estimate.' +
        '\nWith --csv: URLs letter by letter (RFC 4180). A spreadsheet takes one that begins with = + - or @ for a' +
        '\nformula: import the file with that column as text.\n' +
        examples([
          'clickstream metrics',
          'clickstream metrics --grain hour --from 2026-11-25 --to 2026-11-26 --country DE',
          "clickstream metrics --url '/products/*' --sort total_time_spent_ms --limit 5",
          'clickstream metrics --grain day --csv > days.csv',
        ]) +
        '\n' +
        exitCodes({ 0: 'done', 2: 'usage or configuration', 3: 'Elasticsearch unreachable' }),
    )
    .action(async (options: MetricsOptions) => {
      const query = toQuery(options);
      if (options.csv === true && ctx.json) throw new UsageError('--csv and --json: choose one');
      const { config, servers } = await loadConfig({
        ...(ctx.config !== undefined && { config: ctx.config }),
      });
      const client = openElasticsearch(servers);
      const search = (q: FigureQuery) => searchFigures(client, config.name, q, ctx.signal);
      try {
        if (ctx.json) {
          await printLines(ctx, search(query), figureJson);
        } else if (options.csv === true) {
          await printLines(ctx, search(query), figureCsv, CSV_HEADER);
        } else {
          // One more than is shown tells whether there are more.
          const rows = query.limit ?? TABLE_ROWS;
          await printTable(ctx, query, search({ ...query, limit: query.limit ?? rows + 1 }), rows);
        }
      } finally {
        await client.close();
      }
    });
}
