import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { REFUSED } from '../../activities/refusedRows.js';
import { openDecoder } from '../../clients/enrich/decoder.js';
import { ENRICHMENT_KINDS } from '../../domain/config/enrichments.js';
import { GRAMMAR_TYPES } from '../../domain/config/grammar.js';
import { parseConfig } from '../../domain/config/parse.js';
import { REASONS, type Decoded, type Value } from '../../domain/event/types.js';
import { ROOT } from '../support/cli.js';

const PAGE = readFileSync(path.join(ROOT, 'docs/mapping.md'), 'utf8');
const SENT_MS = Date.UTC(2025, 5, 1);

const BASE = {
  version: 1,
  name: 'doc',
  kafka: { topics: ['clicks'] },
  event: { time: { from: ['t'] } },
  families: { click_data: { url: { type: 'text', from: ['url'], required: true } } },
  roles: { url: 'click_data.url' },
};

const snippets = [...PAGE.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, yaml = '']) => yaml);

/** The rows of the table whose header begins with these titles, cell by cell. */
function rowsOf(...titles: readonly string[]): readonly (readonly string[])[] {
  const lines = PAGE.split('\n');
  const header = lines.findIndex((line) => titles.every((title, i) => cells(line)[i] === title));
  assert.ok(header >= 0, `a table of ${titles.join(', ')}`);
  const end = lines.findIndex((line, i) => i > header && !line.startsWith('|'));
  return lines.slice(header + 2, end).map(cells);
}
const cells = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
/** What stands between backticks. */
const coded = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
const code = (cell = ''): string => coded(cell)[0] ?? '';

/** What a column `x` of some type makes of JSON text at `x`. */
async function convert(type: string, json: string, event: object = {}): Promise<Decoded> {
  const column = { type, from: ['x'] };
  return decode(
    { ...BASE, ...event, families: { click_data: { ...BASE.families.click_data, x: column } } },
    `{"t":"2025-03-14","url":"/","x":${json}}`,
  );
}

async function decode(config: object, json: string): Promise<Decoded> {
  const decoder = await openDecoder(parseConfig(stringify(config), 'mapping.md'), Buffer.alloc(32, 7));
  const record = { partition: 0, offset: 0n, timestampMs: SENT_MS, key: null, value: Buffer.from(json) };
  return decoder(record, { sourceId: 0, topic: 'clicks' });
}

const lastColumn = (decoded: Decoded): Value | undefined =>
  decoded.kind === 'row' ? decoded.row.families.click_data.at(-1) : undefined;

describe('docs/mapping.md', () => {
  for (const [i, snippet] of snippets.entries())
    test(`snippet ${i + 1} is a configuration, or a part of one`, () => {
      const config = parseConfig(stringify({ ...BASE, ...(parse(snippet) as object) }), 'mapping.md');
      assert.ok(config.event.time.from.length > 0);
    });

  for (const [place, event, value] of rowsOf('place', 'event', 'value'))
    test(`the place ${place} takes ${value} from ${event}`, async () => {
      const [from] = parse(`[${code(place)}]`) as unknown[];
      const x = { type: 'text', from: [from] };
      const families = { click_data: { ...BASE.families.click_data, x } };
      const json = JSON.stringify({ t: '2025-03-14', url: '/', ...(JSON.parse(code(event)) as object) });
      const decoded = await decode({ ...BASE, families }, json);
      assert.equal(decoded.kind, 'row');
      assert.equal(lastColumn(decoded), value === 'none' ? null : JSON.parse(code(value)));
    });

  for (const [formats, sent, is] of rowsOf('formats', 'sent', 'is'))
    test(`${sent} as ${formats} is ${is}`, async () => {
      const time = { from: ['t'], formats: parse(code(formats)) as string[] };
      const decoded = await decode({ ...BASE, event: { time } }, `{"url":"/","t":${code(sent)}}`);
      assert.equal(decoded.kind, 'row');
      if (decoded.kind === 'row') assert.equal(decoded.row.eventTimeUs, micros(code(is)));
    });

  for (const [sent, zone, is] of rowsOf('without a zone', '`event.time.zone`', 'is'))
    test(`${sent} in ${zone} is ${is}`, async () => {
      const time = { from: ['t'], formats: ['iso'], zone: code(zone) };
      const decoded = await decode({ ...BASE, event: { time } }, `{"url":"/","t":${code(sent)}}`);
      assert.equal(decoded.kind, 'row');
      if (decoded.kind === 'row') assert.equal(decoded.row.eventTimeUs, micros(code(is)));
    });

  const types = rowsOf('type', 'takes', 'such as', 'rejects');
  test('has every type', () => {
    assert.deepEqual(
      types.map(([type]) => code(type)),
      [...GRAMMAR_TYPES],
    );
  });
  for (const [type, , takes, rejects] of types)
    test(`the type ${type} takes and rejects what it says`, async () => {
      for (const json of coded(takes))
        assert.notEqual(lastColumn(await convert(code(type), json)) ?? null, null, json);
      for (const json of coded(rejects))
        assert.equal((await convert(code(type), json)).kind, 'rejected', json);
    });

  test('has every enrichment with its fields', () => {
    assert.deepEqual(
      Object.fromEntries(
        rowsOf('enrichment', 'made from', 'fields').map(([name, , fields]) => [code(name), coded(fields)]),
      ),
      Object.fromEntries(
        Object.entries(ENRICHMENT_KINDS).map(([name, { fields }]) => [
          name,
          Object.keys(fields).filter((f) => f !== ''),
        ]),
      ),
    );
  });

  test('has every reason', () => {
    assert.deepEqual(
      rowsOf('reason', 'the record').map(([reason]) => code(reason)),
      [...REASONS, REFUSED],
    );
  });

  test('names roles and their types as the configuration checks them', () => {
    for (const [role, , , types] of rowsOf('role', 'says', 'column of', 'type')) {
      const allowed =
        types === 'any but `jsonb`' ? GRAMMAR_TYPES.filter((type) => type !== 'jsonb') : coded(types);
      for (const type of GRAMMAR_TYPES) {
        const x = { type, from: ['x'], required: true };
        const families = { click_data: { ...BASE.families.click_data, x } };
        const config = { ...BASE, families, roles: { ...BASE.roles, [code(role)]: 'click_data.x' } };
        const check = (): unknown => parseConfig(stringify(config), 'mapping.md');
        if (allowed.includes(type)) assert.doesNotThrow(check, `${role} of type ${type}`);
        else assert.throws(check, `${role} of type ${type}`);
      }
    }
  });

  test('links to files that exist', () => {
    const links = [...PAGE.matchAll(/\]\((?!https?:|#)([^)#]+)\)/g)].map(([, file = '']) => file);
    assert.ok(links.length >= 6);
    for (const file of links) assert.ok(existsSync(path.join(ROOT, 'docs', file)), file);
  });
});

/** An ISO time in UTC with up to six digits of a fraction. */
function micros(iso: string): bigint {
  const [, seconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(iso) ?? [];
  return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0'));
}
