/** The figures: runs, metrics with their sketches, and how far each index has got. */
export const figures = {
  name: '002-figures',
  sql: `
CREATE SEQUENCE figure_version;

CREATE TABLE aggregate_run (
  run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version     bigint NOT NULL UNIQUE,
  workflow_id text,
  workflow_run_id text,
  hours       integer NOT NULL,
  clicks      bigint NOT NULL,
  changed     bigint NOT NULL,
  vanished    bigint NOT NULL,
  started_at  timestamptz NOT NULL,
  finished_at timestamptz NOT NULL
);
COMMENT ON TABLE aggregate_run IS 'Every writer of figures locks this table in EXCLUSIVE mode before it takes its snapshot';

CREATE TABLE aggregate_settings (
  only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  fingerprint text NOT NULL
);

CREATE TABLE click_metrics (
  figure_id             bytea PRIMARY KEY,
  grain                 text NOT NULL CHECK (grain IN ('hour', 'day', 'month', 'total')),
  window_start          timestamptz,
  url                   text NOT NULL,
  country               text NOT NULL,
  click_count           bigint NOT NULL,
  bot_clicks            bigint NOT NULL,
  unique_users          bigint NOT NULL,
  unique_users_exact    boolean NOT NULL,
  users_sketch          bytea,
  timed_clicks          bigint NOT NULL,
  total_time_spent_ms   bigint NOT NULL,
  avg_time_spent_ms     double precision,
  median_time_spent_ms  double precision,
  p90_time_spent_ms     double precision,
  version               bigint NOT NULL,
  deleted               boolean NOT NULL DEFAULT false,
  CHECK ((grain = 'total') = (window_start IS NULL)),
  CHECK (deleted = (click_count = 0))
);
CREATE INDEX click_metrics_cursor ON click_metrics (grain, version, figure_id);
CREATE INDEX click_metrics_window ON click_metrics (grain, window_start);

-- The hash that is also the document's _id: 16 bytes of SHA-256 over length-prefixed parts.
CREATE FUNCTION figure_id(grain text, window_start timestamptz, url text, country text) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT substr(sha256(
    int4send(octet_length(grain)) || convert_to(grain, 'UTF8') ||
    int8send(coalesce((extract(epoch FROM window_start) * 1000000)::bigint, -9223372036854775808)) ||
    int4send(octet_length(url)) || convert_to(url, 'UTF8') ||
    int4send(octet_length(country)) || convert_to(country, 'UTF8')), 1, 16)
$$;

CREATE TABLE index_cursor (
  index_name text PRIMARY KEY,
  grain      text NOT NULL,
  uuid       text NOT NULL,
  version    bigint NOT NULL DEFAULT 0,
  figure_id  bytea NOT NULL DEFAULT '\\x'
);

CREATE TABLE index_reject (
  index_name  text NOT NULL,
  figure_id   bytea NOT NULL,
  version     bigint NOT NULL,
  status      integer NOT NULL,
  reason      text NOT NULL,
  rejected_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (index_name, figure_id)
);
`,
};
