import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { planReading } from '../../clients/postgres/aggregate/reading.js';
import { estimateClicks } from '../../clients/postgres/aggregate/run.js';
import { withClient } from '../../clients/postgres/pool.js';
import { supplySpark, type SparkSupply } from '../../clients/spark/index.js';
import { aggregate, analyzeDeps, areFiguresOf } from '../support/aggregation.js';
import { figuresConfig, makeFiguresSchema, someClicks, type FiguresSchema } from '../support/figures.js';
import { testName } from '../support/names.js';

const NAME = testName('large_run');
const FROM = '2026-01-30T00:00:00Z';
const TO = '2026-02-01T00:00:00Z';
const CLICKS = 300_000;
const AT_ONCE = 25_000;

let schema: FiguresSchema;
let spark: SparkSupply;

before(async () => {
  schema = await makeFiguresSchema(NAME);
  spark = supplySpark(schema.servers.spark.remote);
});
after(async () => {
  await spark.close();
  await schema.drop();
});

test('what is more than one answer of Spark holds comes in slices, first and again, with the figures of plain loops', async () => {
  const clicks = someClicks(CLICKS, FROM, TO).map((click, i) => ({ ...click, url: `/${i % 700}` }));
  const [first, ...late] = clicks;
  assert.ok(first);
  for (let at = 0; at < late.length; at += AT_ONCE) await schema.addUnmarked(late.slice(at, at + AT_ONCE));
  const marks = Array.from({ length: 48 }, (_, n) =>
    new Date(Date.parse(FROM) + n * 3_600_000).toISOString(),
  );
  await schema.mark(...marks);
  // The size of a run is PostgreSQL's estimate.
  await schema.postgres.pool.query('ANALYZE click_data');
  const estimated = await withClient(schema.postgres, NAME, (client) =>
    estimateClicks(client, Date.parse(FROM), Date.parse(TO)),
  );
  const hours = marks.map((mark) => Date.parse(mark));
  const { slices, views } = planReading(figuresConfig(NAME), {
    hours,
    clicks: estimated,
    stored: 0,
    suffix: 'x',
  });
  assert.ok(slices.length > 1 && views.length > 1, `${estimated} clicks are too few`);

  const deps = analyzeDeps(NAME, schema, spark);
  await aggregate(deps);
  await areFiguresOf(schema, late);
  await schema.add([first]);
  await schema.mark(...marks);
  await aggregate(deps);
  await areFiguresOf(schema, clicks);
});
