import type { Change, Document } from '../../domain/figure.js';

/** The document's JSON, integers digit by digit. */
function documentJson(d: Document): string {
  return (
    `{"grain":"${d.grain}","window_start":${JSON.stringify(d.windowStart)}` +
    `,"url":${JSON.stringify(d.url)},"country":${JSON.stringify(d.country)}` +
    `,"click_count":${d.clickCount},"bot_clicks":${d.botClicks}` +
    `,"unique_users":${d.uniqueUsers},"unique_users_exact":${d.uniqueUsersExact}` +
    `,"timed_clicks":${d.timedClicks},"total_time_spent_ms":${d.totalTimeSpentMs}` +
    `,"avg_time_spent_ms":${JSON.stringify(d.avgTimeSpentMs)}` +
    `,"median_time_spent_ms":${JSON.stringify(d.medianTimeSpentMs)}` +
    `,"p90_time_spent_ms":${JSON.stringify(d.p90TimeSpentMs)},"version":${d.version}}`
  );
}

/**
 * The lines of one change in the body of a bulk request to its write alias, each ended. An older version never wins over a
 * newer one.
 */
export function bulkLines(change: Change): string {
  const target = `{"_id":"${change.id}","version":${change.version},"version_type":"external"}`;
  return change.document === undefined
    ? `{"delete":${target}}\n`
    : `{"index":${target}}\n${documentJson(change.document)}\n`;
}
