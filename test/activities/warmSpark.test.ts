import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { warmSpark } from '../../activities/warmSpark.js';
import { silentLogger } from '../../domain/logger.js';
import { makeFiguresSchema, storedFigures, type FiguresSchema } from '../support/figures.js';
import { analyzeDeps } from '../support/aggregation.js';
import { testName } from '../support/names.js';

const NAME = testName('warm');

describe('warmSpark', () => {
  let schema: FiguresSchema;

  /** Warms up and returns what was logged. */
  const warm = async (signal: AbortSignal, remote?: string): Promise<string> => {
    let said = '';
    const deps = analyzeDeps(
      NAME,
      schema,
      { session: () => Promise.reject(new Error('a session of its own')) },
      {
        servers: remote === undefined ? schema.servers : { ...schema.servers, spark: { remote } },
        logger: { ...silentLogger, debug: (_fields: object, message: string) => void (said += message) },
      },
    );
    await warmSpark(deps, signal);
    return said;
  };

  before(async () => {
    schema = await makeFiguresSchema(NAME);
  });
  after(() => schema.drop());

  test('the query runs through, and no figure comes of it', async () => {
    assert.equal(await warm(new AbortController().signal), 'Spark is warm');
    assert.equal((await storedFigures(schema.postgres)).figures.size, 0);
  });

  test('neither an absent Spark nor an end of the worker is an error', async () => {
    const { signal } = new AbortController();
    assert.equal(await warm(signal, 'sc://127.0.0.1:1'), 'Spark was not warmed up');
    assert.equal(await warm(AbortSignal.abort()), 'Spark was not warmed up');
  });
});
