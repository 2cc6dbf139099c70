/** The answers of the three endpoints as the page reads them: checked once, where they come in. */
import * as z from 'zod/mini';

// Otherwise zod tries whether it may compile code, which the page's content security policy forbids and reports.
z.config({ jitless: true });

/** An integer above 2^53 comes as its digits; for showing it, the nearest number will do. */
const integer = z.union([
  z.number(),
  z.pipe(
    z.string().check(z.regex(/^\d+$/)),
    z.transform((digits) => Number(digits)),
  ),
]);

const totalsShape = {
  click_count: integer,
  bot_clicks: integer,
  unique_users: integer,
  unique_users_kind: z.enum(['exact', 'estimate', 'at_most']),
  timed_clicks: integer,
  total_time_spent_ms: integer,
  avg_time_spent_ms: z.nullable(z.number()),
};
const totals = z.object(totalsShape);
export type Totals = z.infer<typeof totals>;

const instant = z.pipe(
  z.iso.datetime(),
  z.transform((text) => Date.parse(text)),
);
const window = z.object({ window_start: instant, ...totalsShape });
/** The figures of one window; its start in ms since 1970. */
export type Window = z.infer<typeof window>;

const grain = z.enum(['hour', 'day', 'month']);
export type SeriesGrain = z.infer<typeof grain>;

export const overview = z.object({
  /** The installation's. */
  name: z.string(),
  range: z.object({
    from: z.nullable(instant),
    to: z.nullable(instant),
    grain,
    first: z.nullable(instant),
    last: z.nullable(instant),
  }),
  totals,
  previous: z.nullable(totals),
  previous_range: z.nullable(z.object({ from: instant, to: instant })),
  series: z.array(window),
  previous_series: z.array(window),
  freshness: z.object({
    last_window: z.nullable(instant),
    last_event: z.nullable(instant),
    last_run: z.nullable(z.object({ at: instant, workflow_id: z.string(), outcome: z.string() })),
    lag_records: z.nullable(integer),
    runs_url: z.nullable(z.string()),
    index_in_step: z.nullable(z.boolean()),
  }),
});
export type Overview = z.infer<typeof overview>;

const row = z.object({ key: z.string(), ...totalsShape });
/** A URL or a country with its figures. */
export type Row = z.infer<typeof row>;

export const ranking = z.object({ rows: z.array(row), more: z.boolean() });
export type Ranking = z.infer<typeof ranking>;

export const failure = z.object({
  error: z.object({ parameter: z.optional(z.string()), message: z.string() }),
});
