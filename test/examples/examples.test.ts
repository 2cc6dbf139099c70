import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { openDecoder } from '../../clients/enrich/decoder.js';
import type { Config } from '../../domain/config/config.js';
import { parseConfig } from '../../domain/config/parse.js';
import type { Value } from '../../domain/event/types.js';
import { valuesOf } from '../corpus/decode.js';
import { ROOT } from '../support/cli.js';
import { EXAMPLES } from './expected.js';

const FOLDER = path.join(ROOT, 'examples');
const SENT_MS = Date.UTC(2025, 5, 1);

interface Outcome {
  records: number;
  clicks: Record<string, Value>[];
  duplicates: number;
  filtered: number;
  deadLetters: string[];
}

async function decodeSample(config: Config, lines: readonly string[]): Promise<Outcome> {
  const decode = await openDecoder(config, Buffer.alloc(32, 7));
  const seen = new Set<string>();
  const outcome: Outcome = { records: 0, clicks: [], duplicates: 0, filtered: 0, deadLetters: [] };
  for (const [i, line] of lines.entries()) {
    const record = {
      partition: 0,
      offset: BigInt(i),
      timestampMs: SENT_MS,
      key: null,
      value: Buffer.from(line),
    };
    const decoded = decode(record, { sourceId: 0, topic: 'sample' });
    outcome.records += 1;
    if (decoded.kind === 'filtered') {
      outcome.filtered += 1;
      continue;
    }
    const id = Buffer.from((decoded.kind === 'row' ? decoded.row.eventId : decoded.eventId) ?? []).toString(
      'hex',
    );
    if (id !== '' && seen.has(id)) {
      outcome.duplicates += 1;
      continue;
    }
    seen.add(id);
    if (decoded.kind === 'row') outcome.clicks.push(valuesOf(decoded, config));
    else
      outcome.deadLetters.push(
        [decoded.reason, decoded.field].filter((part) => part !== undefined).join(' '),
      );
  }
  return outcome;
}

describe('each example reads its sample', () => {
  for (const example of EXAMPLES) {
    test(example.name, async () => {
      const config = parseConfig(
        readFileSync(path.join(FOLDER, `${example.name}.yaml`), 'utf8'),
        example.name,
      );
      const sample = readFileSync(path.join(FOLDER, 'samples', `${example.name}.ndjson`), 'utf8');
      const outcome = await decodeSample(config, sample.trimEnd().split('\n'));
      assert.deepEqual(
        { ...outcome, clicks: outcome.clicks.length },
        {
          records: example.records,
          clicks: example.clicks,
          duplicates: example.duplicates,
          filtered: example.filtered,
          deadLetters: example.deadLetters,
        },
      );
      for (const [click, column, value] of example.stored)
        assert.deepEqual(outcome.clicks[click]?.[column], value, `${column} of click ${click}`);
    });
  }
});

test('every sample has its configuration, and is tested', () => {
  const samples = readdirSync(path.join(FOLDER, 'samples')).map((file) => path.parse(file).name);
  assert.deepEqual(samples.sort(), EXAMPLES.map(({ name }) => name).sort());
});
