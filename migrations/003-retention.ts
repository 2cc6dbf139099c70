/** What goes away with time: the floor below which no click is kept, what went, and why records were filtered. */
export const retention = {
  name: '003-retention',
  sql: `
CREATE TABLE retention_floor (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  floor    timestamptz NOT NULL DEFAULT '-infinity' CHECK (floor = date_trunc('day', floor, 'UTC'))
);
COMMENT ON TABLE retention_floor IS
  'Begin of the first UTC day that clicks are kept of; -infinity until retention first dropped a day. Every writer of clicks holds it FOR SHARE';
INSERT INTO retention_floor DEFAULT VALUES;

CREATE FUNCTION retention_floor_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR NEW.floor < OLD.floor THEN
    RAISE EXCEPTION 'the floor of retention never moves back: the days below it are gone (%)', OLD.floor
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER retention_floor_stays BEFORE UPDATE OR DELETE ON retention_floor
  FOR EACH ROW EXECUTE FUNCTION retention_floor_stays();

CREATE TABLE retired (
  what   text PRIMARY KEY CHECK (what IN ('clicks', 'dead_letters')),
  amount bigint NOT NULL DEFAULT 0 CHECK (amount >= 0)
);
COMMENT ON TABLE retired IS 'Rows that retention removed; the ledger goes on counting them';
INSERT INTO retired VALUES ('clicks', 0), ('dead_letters', 0);

ALTER TABLE batch ADD COLUMN filtered_by jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN batch.filtered_by IS 'Filtered records per reason, such as {"where": 12, "before_retention": 3}';

CREATE INDEX dead_letter_rejected_at ON dead_letter (rejected_at);
CREATE INDEX click_metrics_tombstone ON click_metrics (grain, version) WHERE deleted;
`,
};
