import { once } from 'node:events';
import {
  CSV_HEADER,
  figureCsv,
  openElasticsearch,
  searchFigures,
  SORTABLE,
  SORT_ORDERS,
  type Figure,
  type FigureQuery,
} from '../../clients/elasticsearch/index.js';
import { UsageError } from '../../domain/errors.js';
import { USERS_SORT } from '../../clients/postgres/aggregate/rangeUsers.js';
import { GRAINS } from '../../domain/names.js';
import { ESTIMATE_ERROR_TEXT } from '../../domain/sketch.js';
import { figureJson, figureTable } from '../format/figures.js';
import { counted } from '../format/numbers.js';
import { MERGE_CSV_HEADER } from '../format/rangeUsers.js';
import { loadConfig } from '../loadConfig.js';
import { printMerged } from '../metrics/merge.js';
import { checkTableLimit, toMergeQuery, toQuery, type MetricsOptions } from '../metrics/options.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

/** Rows of the table without --limit. */
const TABLE_ROWS = 20;

/**
 * Prints page by page, as fast as the reader takes it: everything may be more than fits into memory. What ends in the
 * middle says how far it got, since its lines look like everything.
 */
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
  let printed = 0;
  try {
    for await (const page of pages) {
      printHeader();
      ctx.out(page.map(line).join('\n'));
      printed += page.length;
      if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain', { signal: ctx.signal });
    }
  } catch (e) {
    if (printed > 0) ctx.progress(`incomplete: the output ends after ${counted(printed, 'figure')}`);
    throw e;
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

/** What the index finds. */
async function printFound(ctx: CliContext, query: FigureQuery, csv: boolean): Promise<void> {
  const { config, servers } = await loadConfig({ ...(ctx.config !== undefined && { config: ctx.config }) });
  const client = openElasticsearch(servers);
  const search = (q: FigureQuery) => searchFigures(client, config.name, q, { signal: ctx.signal });
  try {
    if (ctx.json) {
      await printLines(ctx, search(query), figureJson);
    } else if (csv) {
      await printLines(ctx, search(query), figureCsv, CSV_HEADER);
    } else {
      // One more than is shown tells whether there are more.
      const rows = query.limit ?? TABLE_ROWS;
      await printTable(ctx, query, search({ ...query, limit: query.limit ?? rows + 1 }), rows);
    }
  } finally {
    await client.close();
  }
}

export function register(program: Command, ctx: CliContext): void {
  program
    .command('metrics')
    .description('search the figures: clicks, people and time per URL and country')
    .option('--grain <grain>', `the windows' length: ${GRAINS.join(', ')} (UTC; default: total)`)
    .option('--url <url>', 'only this URL, letter by letter; with a * at the end, all that begin so')
    .option(
      '--search <words>',
      'only URLs with all of these words, in any order; of the last one its beginning is enough',
    )
    .option(
      '--country <code>',
      'only this country, as the events have it; two letters also mean the ISO code (ZZ: unknown)',
    )
    .option(
      '--from <time>',
      'only windows that begin at this time or later (ISO date or time; UTC without a zone)',
    )
    .option('--to <time>', 'only windows that begin before this time')
    .option('--sort <figure>', `${SORTABLE.join(', ')} (default: click_count)`)
    .option(
      '--order <order>',
      `${SORT_ORDERS.join(' or ')} (default: figures and times falling, texts rising); what has no value is last`,
    )
    .option(
      '--limit <n>',
      `at most so many figures (default: ${TABLE_ROWS} in the table, everything in --csv and --json)`,
    )
    .option('--csv', `comma-separated values: ${CSV_HEADER}`)
    .option(
      '--merge',
      'unique users of the whole range --from to --to (whole hours), per URL and country and over all of them, ' +
        `out of the stored sketches; --sort ${USERS_SORT.join(', ')}`,
    )
    .addHelpText(
      'after',
      '\nWith --json: one object a line (NDJSON), with every figure. In the table, ~ marks an estimate: within' +
        `\n${ESTIMATE_ERROR_TEXT} in 95 of 100 cases (unique_users_error in --json; 0 where it is exact).` +
        '\nWith --merge: one line per URL and country, the last line over all of them (url and country empty, null in' +
        `\n--json). Columns of --csv: ${MERGE_CSV_HEADER}.` +
        '\nIt needs PostgreSQL and Spark, not Elasticsearch, and reads no clicks.' +
        '\nWith --csv: URLs letter by letter (RFC 4180). A spreadsheet takes one that begins with = + - or @ for a' +
        '\nformula: import the file with that column as text.\n' +
        examples([
          'clickstream metrics',
          'clickstream metrics --grain hour --from 2026-11-25 --to 2026-11-26 --country DE',
          "clickstream metrics --url '/products/*' --sort total_time_spent_ms --limit 5",
          "clickstream metrics --search 'garden chair' --sort avg_time_spent_ms --order asc",
          'clickstream metrics --grain day --csv > days.csv',
          "clickstream metrics --merge --from 2026-11-20 --to 2026-11-25T14:00 --url '/products/*'",
        ]) +
        '\n' +
        exitCodes({
          0: 'done',
          1: 'with --merge: a stored sketch is damaged',
          2: 'usage or configuration, or the output could not be written (a full disk)',
          3: 'Elasticsearch unreachable (with --merge: PostgreSQL or Spark), also in the middle: stderr says incomplete',
          130: 'interrupted',
        }),
    )
    .action((options: MetricsOptions) => {
      const csv = options.csv === true;
      if (csv && ctx.json) throw new UsageError('--csv and --json: choose one');
      const isTable = !csv && !ctx.json;
      if (options.merge === true) {
        const query = toMergeQuery(options);
        if (isTable) checkTableLimit(query.limit);
        return printMerged(ctx, query, csv);
      }
      const query = toQuery(options);
      if (isTable) checkTableLimit(query.limit);
      return printFound(ctx, query, csv);
    });
}
