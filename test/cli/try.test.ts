import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { click, clicks, install, type Installation } from '../activities/installation.js';
import { sumOf } from '../activities/sums.js';
import { cli, type CliResult } from '../support/cli.js';

interface Tried {
  readonly records: number;
  readonly persisted: number;
  readonly duplicates: number;
  readonly dead_letters: number;
  readonly filtered: number;
  readonly compared: boolean;
  readonly visitor_key: string;
  readonly sample: readonly {
    readonly outcome: string;
    readonly of?: string;
    readonly reason?: string;
    readonly families?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  }[];
}

async function withInstallation(
  what: string,
  use: (i: Installation) => Promise<void>,
  options: Parameters<typeof install>[1] = {},
): Promise<void> {
  const installation = await install(what, options);
  try {
    await use(installation);
  } finally {
    await installation.close();
  }
}

/** Runs `clickstream try` with the installation's configuration, changed by `edit`. */
function run(
  i: Installation,
  args: readonly string[],
  options: Parameters<typeof cli>[1] & { readonly edit?: (yaml: string) => string } = {},
): Promise<CliResult> {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'try-')), 'try.yaml');
  writeFileSync(file, options.edit?.(i.yaml) ?? i.yaml);
  return cli(['--config', file, 'try', ...args], options);
}

async function tried(...[i, args, options]: Parameters<typeof run>): Promise<Tried> {
  const { code, stdout, stderr } = await run(i, [...args, '--json'], options);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Tried;
}

const counts = (t: Tried): number[] => [t.records, t.persisted, t.duplicates, t.dead_letters, t.filtered];

/** Everything in the schema: each table's rows, each sequence's state, the tables' names. */
async function contents(i: Installation): Promise<unknown> {
  const named = await i.rows(
    `SELECT c.relname AS name, c.relkind AS kind FROM pg_class c
      WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p', 'S', 'v') ORDER BY 1`,
    [i.config.name],
  );
  const all: Record<string, unknown> = {};
  for (const { name } of named)
    all[String(name)] = await i.rows(`SELECT ROW(t.*)::text AS row FROM "${String(name)}" t ORDER BY 1`);
  return all;
}

const BAD = (k: number): (string | null)[] => [
  'no json',
  null,
  click(900 + k, { url: undefined }),
  click(900 + k, { url: undefined }),
];

describe('try', () => {
  test('says of the next records what ingestion then does, and writes nothing', () =>
    withInstallation(
      'try_next',
      async (i) => {
        await i.produce([...clicks(40), ...BAD(0)]);
        assert.deepEqual(sumOf(await i.drain()), [44, 40, 1, 3, 0]);
        // New ones, some of them there already, some twice, broken ones that are dead letters already, new ones.
        await i.produce([...clicks(30, 20), ...clicks(5, 45), ...BAD(0), ...BAD(1)]);

        const before = await contents(i);
        const foreseen = await tried(i, ['--records', '1000']);
        assert.deepEqual(await contents(i), before, 'not a row, not a number drawn, not a leaf');
        const { stdout } = await run(i, ['--records', '1000']);
        assert.match(stdout, /^43 records = 10 clicks \+ 28 duplicates \+ 5 dead letters \+ 0 filtered$/m);
        const first = await tried(i, ['--records', '1000', '--from', 'earliest']);
        assert.deepEqual(counts(first), [87, 10, 72, 5, 0], 'what is there already is there');
        const newest = await tried(i, ['--records', '7', '--from', 'latest']);
        assert.equal(newest.records, 7);
        assert.deepEqual(await contents(i), before);

        assert.deepEqual(counts(foreseen), sumOf(await i.drain()), 'as foreseen');
        assert.deepEqual(counts(await tried(i, ['--records', '10'])), [0, 0, 0, 0, 0], 'nothing is left');
      },
      { partitions: 3 },
    ));

  test('works before migrate: nothing to compare with, visitors for one run, nothing is made', () =>
    withInstallation('try_early', async (i) => {
      await i.produce([...clicks(10), ...clicks(3), 'no json']);
      const name = `${i.config.name}_b`;
      const edit = (yaml: string): string => yaml.replace(/^name: .*$/m, `name: ${name}`);
      const found = await tried(i, ['--records', '100'], { edit });
      assert.deepEqual(counts(found), [14, 10, 3, 1, 0]);
      assert.deepEqual([found.compared, found.visitor_key], [false, 'temporary']);
      assert.equal((await i.rows('SELECT to_regnamespace($1) AS found', [name]))[0]?.found, null);
      const { stderr } = await run(i, [], { edit });
      assert.match(stderr, /key for this one run/);
      assert.match(stderr, /nothing is compared with PostgreSQL/);
    }));

  test('before the first run it says what kafka.start passes, and status counts none of it as lag', () =>
    withInstallation(
      'try_latest',
      async (i) => {
        await i.produce(clicks(30));
        const file = path.join(mkdtempSync(path.join(tmpdir(), 'try-')), 'try.yaml');
        writeFileSync(file, i.yaml);
        const { code, stderr } = await cli(['--config', file, 'try']);
        assert.equal(code, 0, stderr);
        assert.match(
          stderr,
          /kafka\.start: latest, with partition 0 at offset 30; 30 offsets before that are passed/,
        );
        assert.match(stderr, /`--from earliest` looks at all/);
        const status = await cli(['--config', file, 'status', '--json']);
        const { lag } = JSON.parse(status.stdout) as { lag: number };
        assert.equal(lag, 0, status.stdout);
        await i.drain();
        const later = await cli(['--config', file, 'try']);
        assert.doesNotMatch(later.stderr, /kafka\.start/);
      },
      { text: (yaml) => yaml.replace('start: earliest', 'start: latest') },
    ));

  test('a log that does not hold what comes next is told with the command, not taken for one without news', () =>
    withInstallation('try_gap', async (i) => {
      await i.produce(clicks(10));
      await i.drain();
      await i.rows('UPDATE ingest_offset SET next_offset = next_offset + 5');
      const { code, stderr } = await run(i, []);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /the log holds 0 to 10: it ends 5 offsets before it .* --made-again/);
      const file = path.join(mkdtempSync(path.join(tmpdir(), 'try-')), 'try.yaml');
      writeFileSync(file, i.yaml);
      const status = await cli(['--config', file, 'status', '--json']);
      const { lag, gaps } = JSON.parse(status.stdout) as { lag: number | null; gaps: string[] };
      assert.equal(lag, null, 'unknown, not nothing');
      assert.match(gaps.join(), new RegExp(`npx clickstream --config ${file} ingest skip`));
      const beyond = await run(i, ['--from', '0:11']);
      assert.equal(beyond.code, 2, beyond.stderr);
      assert.match(beyond.stderr, /--from: the log of topic \S+, partition 0 holds 0 to 10, got 11/);
    }));

  test('shows values to who asked, harmless on a terminal, and whole in --json', () =>
    withInstallation('try_values', async (i) => {
      const url = `/\u001b[31m${'x'.repeat(100)}`;
      const line = click(1, { url, t: '2026-01-01T00:00:00.123456Z' });
      const text = await run(i, ['--file', '-'], { input: `${line}\n` });
      assert.equal(text.code, 0, text.stderr);
      assert.ok(!text.stdout.includes('\u001b'), 'no escape sequence reaches the terminal');
      assert.match(text.stdout, /user 1\b/);
      const { sample } = await tried(i, ['--file', '-'], { input: `${line}\n` });
      const { families, ...rest } = sample[0] ?? {};
      assert.deepEqual(rest, {
        line: 1,
        outcome: 'click',
        event_id: '00000000-0000-4000-8000-000000000001',
        event_time: '2026-01-01T00:00:00.123456Z',
      });
      assert.deepEqual(families, {
        click_data: { url, user_id: 'user 1', session_id: 'session 1', n: 1 },
        geo_data: { country: 'DE' },
        user_agent_data: { browser: null },
      });
    }));

  test('a file needs no server, and says which line has which fault', () =>
    withInstallation('try_file', async (i) => {
      const input = [click(1), '', click(1), '[1]', click(2, { t: 'soon' }), click(3)].join('\n');
      const env = { DATABASE_URL: 'postgres://127.0.0.1:1/none', KAFKA_BROKERS: '127.0.0.1:1' };
      const found = await tried(i, ['--file', '-'], { input, env });
      assert.deepEqual(
        found.sample.map((one) => ({ ...one, families: undefined })),
        [
          { line: 1, outcome: 'click', ...idAndTime(1) },
          { line: 3, outcome: 'duplicate', of: 'sample', event_id: idAndTime(1).event_id },
          {
            line: 4,
            outcome: 'dead letter',
            reason: 'not_an_object',
            message: 'expected a JSON object, got an array',
          },
          {
            line: 5,
            outcome: 'dead letter',
            reason: 'unparsable_time',
            field: 'event.time',
            message: found.sample[3] && 'message' in found.sample[3] ? found.sample[3].message : '',
            event_id: idAndTime(2).event_id,
          },
          { line: 6, outcome: 'click', ...idAndTime(3) },
        ].map((one) => ({ ...one, families: undefined })),
      );
      await i.produce([click(3)]);
      await i.drain();
      const known = await tried(i, ['--file', '-'], { input });
      assert.deepEqual(counts(known), [5, 1, 2, 2, 0], 'with PostgreSQL: click 3 is there');
    }));

  test('a server that does not answer ends it with 3, a wrong option with 2, each by name', () =>
    withInstallation('try_wrong', async (i) => {
      const cases: readonly [string[], Record<string, string>, number, RegExp][] = [
        [[], { DATABASE_URL: 'postgres://127.0.0.1:1/none' }, 3, /PostgreSQL/],
        [[], { KAFKA_BROKERS: '127.0.0.1:1' }, 3, /Kafka/],
        [['--records', '0'], {}, 2, /--records: expected a whole number from 1 to 100000, got "0"/],
        [['--topic', 'other'], {}, 2, /--topic: expected one of/],
        [['--from', 'now'], {}, 2, /--from: expected committed, earliest, latest, or partition:offset/],
        [['--from', '7:1'], {}, 2, /has no partition 7/],
        [['--file', '/no/such/file'], {}, 2, /no such file/],
        [['--file', '-', '--from', 'latest'], {}, 2, /--from: expected no --file beside it/],
        [
          ['--file', '-', '--format', 'csv'],
          {},
          2,
          /--format: expected one of ndjson, access-log, got "csv"/,
        ],
      ];
      for (const [args, env, code, said] of cases) {
        const found = await run(i, args, { env });
        assert.equal(found.code, code, `${args.join(' ')}: ${found.stderr}`);
        assert.match(found.stderr, said);
      }
    }));
});

const idAndTime = (i: number): { event_id: string; event_time: string } => ({
  event_id: `00000000-0000-4000-8000-00000000000${i}`,
  event_time: new Date(Date.UTC(2026, 0, 1) + i * 1000).toISOString(),
});
