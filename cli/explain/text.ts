import { cut } from '../format/width.js';
import { counted, grouped, humanTime } from '../format/numbers.js';
import { printable, table, type TableColumn } from '../format/table.js';
import { withConfig } from '../support/commands.js';
import { windowWord } from './key.js';
import type { Exact, ExplainedClick, ExplainReport, FigureSums } from './report.js';

const LABEL = 11;
/** A URL may have 100 KB; --json has it whole. */
const URL_WIDTH = 200;

const line = (label: string, ...words: readonly string[]): string =>
  `${label.padEnd(LABEL)}${words.filter((word) => word !== '').join(', ')}`;

const clicks = (n: Exact): string => `${grouped(n)} ${n === 1 ? 'click' : 'clicks'}`;
const people = (n: Exact): string => `${grouped(n)} ${n === 1 ? 'person' : 'people'}`;
const time = (ms: Exact): string => humanTime(Number(ms));
const bots = (n: Exact): string => (n === 0 ? '' : `${grouped(n)} by bots`);
const timed = (sums: FigureSums): string =>
  `${grouped(sums.timed_clicks)} timed${sums.timed_clicks === 0 ? '' : ` with ${time(sums.total_time_spent_ms)}`}`;
const minute = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')}Z`;

function figureLines({ figure, vanished, run }: ExplainReport): string[] {
  const version = figure?.version ?? vanished;
  if (version === null) return [line('figure', 'none')];
  const values =
    figure === null
      ? [line('figure', 'vanished: its last click went')]
      : [
          line(
            'figure',
            clicks(figure.click_count),
            bots(figure.bot_clicks),
            `${figure.unique_users_exact ? '' : 'about '}${people(figure.unique_users)}`,
            timed(figure),
            figure.avg_time_spent_ms === null ? '' : `average ${humanTime(figure.avg_time_spent_ms)}`,
            figure.median_time_spent_ms === null ? '' : `median ${humanTime(figure.median_time_spent_ms)}`,
            figure.p90_time_spent_ms === null ? '' : `90th percentile ${humanTime(figure.p90_time_spent_ms)}`,
          ),
        ];
  const by =
    run === null
      ? 'of a run that the ledger does not know'
      : `of run ${run.id}, ${minute(run.started_at)} to ${minute(run.finished_at)}`;
  const workflow =
    run === null || run.workflow_id === null ? [] : [`${run.workflow_id} ${run.workflow_run_id ?? ''}`];
  return [
    ...values,
    line('version', `${version} ${by}`),
    ...workflow.map((id) => line('workflow', id.trimEnd())),
  ];
}

const INDEX: Readonly<Record<ExplainReport['index']['state'], string>> = {
  same: 'the same',
  behind: 'not sent yet: the next run does it',
  refused: 'refused the document; the next run tries again',
  different: 'another figure, though this one was sent: `clickstream reindex` makes the index anew',
  unknown: 'not known',
};

function indexLine({ figure, vanished, index }: ExplainReport): string[] {
  if (figure === null && vanished === null) return [];
  const version = index.version === null ? 'no document' : `version ${index.version}`;
  return [
    line(
      'index',
      INDEX[index.state],
      index.state === 'unknown' ? '' : version,
      printable(index.detail ?? ''),
    ),
  ];
}

function stateLines({ marked_hours: marked, grain, frozen, floor }: ExplainReport): string[] {
  const waiting = grain === 'hour' ? 'this hour waits' : `${counted(marked, 'hour')} of this window wait`;
  return [
    ...(marked > 0 ? [line('waiting', `${waiting} to be computed again by the next run`)] : []),
    ...(frozen.hours > 0
      ? [
          line(
            'frozen',
            `${counted(frozen.hours, 'hour')} before ${floor?.slice(0, 10) ?? ''} with ${clicks(frozen.click_count)}`,
            'whose clicks retention dropped: their figures stay as they are',
          ),
        ]
      : []),
  ];
}

const HOW: Readonly<Record<ExplainedClick['time_from'], string>> = {
  own: 'own',
  next: 'to next',
  last: 'last of session',
  timed_out: 'next beyond time-out',
  no_session: 'no session',
};

function foundLines({ found }: ExplainReport): string[] {
  const { own, next, last, timed_out: beyond, no_session: none } = found.by_time;
  const { own_times_negative: negative, own_times_beyond: tooLarge } = found;
  const part = (n: number, what: string): string => (n === 0 ? '' : `${grouped(n)} ${what}`);
  return [
    line(
      'found',
      clicks(found.click_count),
      bots(found.bot_clicks),
      people(found.unique_users),
      timed(found),
      found.late_clicks === 0 ? '' : `${grouped(found.late_clicks)} late`,
    ),
    ...(found.click_count === 0
      ? []
      : [
          line(
            'time',
            part(own, `by the event's own${negative === 0 ? '' : ` (${grouped(negative)} below 0)`}`),
            part(next, 'by the next click of the session'),
            part(last, 'without: last of the session'),
            part(beyond, 'without: the next beyond the time-out'),
            part(none, 'without a session'),
          ),
        ]),
    ...(tooLarge === 0
      ? []
      : [line('own times', `${grouped(tooLarge)} beyond 10¹² ms (31 years), which count as missing`)]),
  ];
}

function verdictLine(report: ExplainReport): string {
  const differ = report.differences
    .map(({ figure, stored, found }) => `${figure} ${grouped(stored)}, found ${grouped(found)}`)
    .join('; ');
  switch (report.verdict) {
    case 'equal':
      if (report.found.click_count === 0 && report.frozen.hours > 0) return '✔ all of it is frozen';
      return report.frozen.hours > 0 ? '✔ found and frozen are the figure' : '✔ what was found is the figure';
    case 'waiting':
      return `… waiting: ${differ}`;
    case 'different':
      return `✘ different: ${differ}; \`clickstream backfill\` computes past days again`;
    case 'nothing':
      return report.vanished === null ? '✘ no such figure, and no clicks' : '✘ no clicks any more';
  }
}

function clickTable(report: ExplainReport, width: number): string {
  const columns: TableColumn[] = [
    { title: 'event time (UTC)' },
    { title: 'user', max: 24 },
    { title: 'session', max: 24 },
    { title: 'time', align: 'right' },
    { title: 'from' },
    { title: 'bot' },
    { title: 'arrived' },
    { title: 'record' },
    { title: 'batch' },
    { title: 'next click', fillFrom: 12 },
  ];
  const rows = report.clicks.map((c) => [
    c.event_time.slice(0, 23).replace('T', ' '),
    c.user ?? '–',
    c.session ?? '–',
    c.time_spent_ms === null ? '–' : time(c.time_spent_ms),
    `${HOW[c.time_from]}${c.own_time_beyond ? ', own beyond 10¹² ms' : ''}`,
    c.is_bot ? 'bot' : '',
    c.committed_at === null
      ? '?'
      : `${humanTime(Math.max(0, Date.parse(c.committed_at) - Date.parse(c.event_time)))} later${c.is_late === true ? ', late' : ''}`,
    `${c.topic ?? '?'} ${c.partition}/${c.offset}`,
    c.batch_id?.slice(0, 8) ?? '?',
    c.next === null ? '' : `${c.next.event_time.slice(11, 23)} ${c.next.url}`,
  ]);
  return table(columns, rows, width);
}

/**
 * For a person; URLs and users of the clicks are made harmless.
 * @param config the file that the command was given, which the commands in our own words name
 */
export function explainText(report: ExplainReport, width: number, config?: string): string {
  const { url, country, grain, window_start: start } = report;
  const of = grain === 'total' ? 'total' : `${grain} ${windowWord(grain, start)} (UTC)`;
  const more = Number(report.found.click_count) - report.clicks.length;
  const nearest = report.nearest.map(
    (near) =>
      `  ${printable(near.country)} ${windowWord(grain, near.window_start)}: ${clicks(near.click_count)}`,
  );
  return [
    `${cut(printable(url), URL_WIDTH)}  ${printable(country)}  ${of}`,
    ...figureLines(report),
    ...indexLine(report).map((words) => withConfig(words, config)),
    ...stateLines(report),
    ...foundLines(report),
    withConfig(verdictLine(report), config),
    ...(nearest.length > 0 ? ['this URL has', ...nearest] : []),
    ...(report.verdict === 'nothing' && nearest.length === 0
      ? [withConfig('no figure has this URL: `clickstream metrics --search WORDS` finds URLs', config)]
      : []),
    ...(report.clicks.length > 0 ? ['', clickTable(report, width)] : []),
    ...(report.clicks.length > 0 && more > 0 ? [`… and ${grouped(more)} more: --limit N lists N`] : []),
  ].join('\n');
}
