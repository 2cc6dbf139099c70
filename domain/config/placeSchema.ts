/** The grammar of places and conditions: their shape; what their texts say is judged in `meaning.ts`. */
import { z } from 'zod';
import type { Scalar } from './config.js';
import type { WrittenPath } from './paths.js';
import type { WrittenPlace } from './places.js';

const SCALAR_ERROR = 'a text, a number, true or false';
const scalar = z.union([z.string(), z.number(), z.boolean()], { error: SCALAR_ERROR });
const STEP_ERROR = 'a key, an index from 0 or { key: a }';
const step = z.union(
  [
    z.string(),
    z.int({ error: STEP_ERROR }).min(0, { error: STEP_ERROR }),
    z.record(z.string(), scalar, { error: STEP_ERROR }),
  ],
  { error: STEP_ERROR },
);
const steps = z
  .array(step, { error: 'a list of keys and indexes' })
  .min(1, { error: 'at least one step' })
  .describe('Keys and indexes one by one; { key: a } is the element of an array whose member key is a');
const path = z
  .union([z.string(), steps], { error: 'a path such as page.url or [page, url]' })
  .meta({ id: 'path' });

const PLACE_ERROR =
  "a path such as page.url, { path: ['page.url'] }, an enrichment such as $ua.browser, { json: a, path: b }, " +
  "{ const: a } or { template: '/{a}' }";

const place: z.ZodType<WrittenPlace, WrittenPlace> = z
  .union(
    [
      z.string().describe('A nested path such as page.url or items[key=a].value, or an enrichment'),
      z.strictObject({ path: steps }),
      z.strictObject({
        json: path.describe('Where the text is that holds JSON'),
        path: path.optional().describe('The way on inside of it; without one, all of it'),
      }),
      z.strictObject({ const: scalar.describe('Always this value') }),
      z.strictObject({
        template: z.string().describe('Text with values of the event in it: /product/{aid}; {{ is a brace'),
      }),
    ],
    { error: PLACE_ERROR },
  )
  .meta({ id: 'place' });
export const places = z.array(place, { error: 'a list of places' }).min(1, { error: 'at least one place' });

export type WrittenCondition =
  | { readonly absent: WrittenPath }
  | { readonly present: WrittenPath }
  | { readonly field: WrittenPath; readonly equals: Scalar }
  | { readonly field: WrittenPath; readonly in: readonly Scalar[] }
  | { readonly not: WrittenCondition };

const CONDITION_ERROR =
  '{ absent: a }, { present: a }, { field: a, equals: b }, { field: a, in: [b, c] } or { not: … }, where a is a path or an enrichment';

const condition: z.ZodType<WrittenCondition, WrittenCondition> = z
  .union(
    [
      z.strictObject({ absent: path.describe('Holds where this has no value') }),
      z.strictObject({ present: path.describe('Holds where this has a value') }),
      z.strictObject({ field: path, equals: scalar.describe('Compared as text') }),
      z.strictObject({
        field: path,
        in: z
          .array(scalar, { error: 'a list of values' })
          .min(1, { error: 'at least one value' })
          .describe('Compared as text'),
      }),
      z.strictObject({ not: z.lazy(() => condition) }),
    ],
    { error: CONDITION_ERROR },
  )
  .meta({ id: 'condition' });
export const conditions = z.array(condition, { error: 'a list of conditions' });
