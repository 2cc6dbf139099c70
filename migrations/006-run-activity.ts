/**
 * Which activity made a run and what it answered, so that an attempt repeated after its commit answers the same.
 * Runs from before have no activity, as have those of workers that were started before the migration.
 */
export const runActivity = {
  name: '006-run-activity',
  sql: `
ALTER TABLE aggregate_run
  ADD COLUMN activity_id text,
  ADD COLUMN unchanged   bigint,
  ADD COLUMN marks_left  bigint;
CREATE UNIQUE INDEX aggregate_run_activity ON aggregate_run (workflow_run_id, activity_id)
  WHERE activity_id IS NOT NULL;
`,
};
