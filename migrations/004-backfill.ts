/** Days whose figures a backfill has computed with other settings than the rest. */
export const backfill = {
  name: '004-backfill',
  sql: `
CREATE TABLE backfill_day (
  day         timestamptz PRIMARY KEY CHECK (day = date_trunc('day', day, 'UTC')),
  fingerprint text NOT NULL
);
COMMENT ON TABLE backfill_day IS
  'Days whose figures were computed with other settings than aggregate_settings says; empty unless a backfill after a change of settings is under way or incomplete';
`,
};
