/** What people and programs read after poison was ingested: neither a terminal nor a parser may be led astray. */
import assert from 'node:assert/strict';
import type { CliResult } from '../support/cli.js';
import type { Installation } from '../support/installation.js';
import type { TestWorker } from '../support/worker.js';
import type { Stored } from './stored.js';

/** Whatever acts on a terminal, line ends and tabs excepted; and marks that turn the direction of text round. */
// eslint-disable-next-line no-control-regex -- the control characters are what it is about
const ACTING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
/** Values of the corpus's events; none of them is a word of a configuration. */
const TELLTALES = ['DROP TABLE', 'forged', 'jndi', 'alert(', '\u001b[2J', 'neighbour', '/etc/passwd'];

type Run = (args: readonly string[]) => Promise<CliResult>;

export async function checkOutputs(
  installation: Installation,
  worker: TestWorker,
  { clicks, deadLetters }: Stored,
): Promise<void> {
  const run: Run = (args) => installation.run(args);
  const { name } = installation;
  const urls = new Set([...clicks.values()].map((values) => String(values['click_data.url'])));

  const figures = await run(['metrics', '--json']);
  const objects = lines(figures.stdout).map((line) => JSON.parse(line) as { url: string; country: string });
  assert.deepEqual(
    new Set(objects.map(({ url }) => url)),
    urls,
    'one line a figure, every URL letter by letter',
  );
  const pairs = new Set(objects.map(({ url, country }) => JSON.stringify([url, country])));
  assert.equal(pairs.size, objects.length);

  const csv = parseCsv((await run(['metrics', '--csv'])).stdout);
  assert.equal(csv.length, objects.length + 1);
  assert.ok(csv.every((row) => row.length === csv[0]?.length));
  assert.deepEqual(
    new Set(csv.slice(1).map((row) => row[2])),
    urls,
    'the CSV has every URL letter by letter',
  );

  const table = await run(['metrics', '--limit', '10000']);
  assert.doesNotMatch(table.stdout, ACTING);
  assert.equal(lines(table.stdout).length, objects.length + 1, 'a line of the table each, and its header');

  const listed = await run(['dead-letters', 'list']);
  assert.doesNotMatch(listed.stdout, ACTING);
  await checkShown(run, deadLetters);

  for (const line of lines(worker.log()))
    assert.doesNotThrow(() => JSON.parse(line), `a line of JSON: ${line}`);
  const workflows = ['pipeline', 'analyze', `ingest-${installation.topic}-0`].map((id) => `${name}-${id}`);
  const histories = await Promise.all(
    workflows.map((id) => run(['temporal', 'workflow', 'show', '--workflow-id', id, '--output', 'json'])),
  );
  for (const { code, stderr } of histories) assert.equal(code, 0, stderr);
  const seen = [worker.log(), ...histories.map(({ stdout }) => stdout)].join('\n');
  for (const word of TELLTALES) assert.ok(!seen.includes(word), `${word} is in the log or in Temporal`);
}

/** Dead letters whose keys hold escapes or line ends, shown to a person and to a program. */
async function checkShown(run: Run, deadLetters: Stored['deadLetters']): Promise<void> {
  const hostile = [...deadLetters.values()].filter(({ key }) => {
    const text = key?.toString() ?? '';
    return text.length < 1000 && (ACTING.test(text) || text.includes('\n'));
  });
  assert.ok(hostile.length >= 5, `${hostile.length} hostile keys`);
  for (const { id, key, value } of hostile) {
    const shown = await run(['dead-letters', 'show', id]);
    assert.doesNotMatch(shown.stdout, ACTING);
    for (const line of lines(shown.stdout)) assert.match(line, LABELLED, 'no line can be forged');
    const { stdout } = await run(['dead-letters', 'show', id, '--json']);
    assert.equal(lines(stdout).length, 1);
    const told = JSON.parse(stdout) as Record<'key' | 'value', { text: string }>;
    assert.deepEqual([told.key.text, told.value.text], [key?.toString(), value?.toString()]);
  }
}

/** A field's name, or the blanks under it. */
const LABELLED = /^[a-z ]{11}/;

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  const field = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/gy;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    assert.ok(match, 'it is CSV');
    rows.at(-1)?.push(unquoted(match[1] ?? ''));
    if (match[2] !== ',') rows.push([]);
  }
  return rows.filter((row) => row.length > 0);
}

const unquoted = (field: string): string =>
  field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field;
