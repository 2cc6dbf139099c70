/**
 * The ingest side of fixed shape: sources, offsets, the ledger, dead letters and window marks.
 * Family tables come from the configuration and are made by `clients/postgres/families.ts`.
 */
export const ledger = {
  name: '001-ledger',
  sql: `
CREATE TABLE source (
  source_id   smallint PRIMARY KEY CHECK (source_id BETWEEN 0 AND 1023),
  topic       text NOT NULL,
  incarnation text NOT NULL UNIQUE,
  created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE source IS 'One incarnation of a topic: Kafka''s topic id, or cluster id and name where there is none';

CREATE TABLE shard_count (
  topic  text PRIMARY KEY,
  shards integer NOT NULL CHECK (shards > 0)
);

CREATE TABLE ingest_offset (
  source_id   smallint NOT NULL REFERENCES source,
  partition   integer NOT NULL CHECK (partition BETWEEN 0 AND 8191),
  start_offset bigint NOT NULL,
  next_offset bigint NOT NULL CHECK (next_offset BETWEEN 0 AND 1099511627776),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source_id, partition)
);

CREATE TABLE batch (
  batch_id     text PRIMARY KEY,
  kind         text NOT NULL DEFAULT 'ingest' CHECK (kind IN ('ingest', 'skip', 'replay')),
  source_id    smallint NOT NULL REFERENCES source,
  shard        integer,
  ranges       jsonb NOT NULL,
  records      bigint NOT NULL,
  persisted    bigint NOT NULL,
  duplicates   bigint NOT NULL,
  dead_letters bigint NOT NULL,
  filtered     bigint NOT NULL,
  committed_at timestamptz NOT NULL DEFAULT now(),
  CHECK (records = persisted + duplicates + dead_letters + filtered)
);
CREATE INDEX batch_source ON batch (source_id, committed_at);

CREATE TABLE dead_letter (
  dead_letter_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source_id       smallint NOT NULL REFERENCES source,
  partition       integer NOT NULL,
  record_offset   bigint NOT NULL,
  kafka_timestamp timestamptz,
  event_id        uuid,
  reason          text NOT NULL,
  field           text,
  message         text NOT NULL,
  key             bytea,
  value           bytea,
  batch_id        text NOT NULL,
  rejected_at     timestamptz NOT NULL DEFAULT now(),
  UNIQUE (source_id, partition, record_offset)
);
CREATE UNIQUE INDEX dead_letter_event ON dead_letter (source_id, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX dead_letter_reason ON dead_letter (reason, dead_letter_id);

CREATE TABLE window_mark (
  mark_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  window_start timestamptz NOT NULL,
  batch_id     text NOT NULL
);
CREATE INDEX window_mark_window ON window_mark (window_start);
COMMENT ON TABLE window_mark IS 'Hours whose figures must be computed again; appended by batches, never updated';

CREATE TABLE secret (
  name  text PRIMARY KEY,
  value bytea NOT NULL
);
`,
};
