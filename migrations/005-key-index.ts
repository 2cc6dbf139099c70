/**
 * The figures of one key are found in each window by its hash: a run of one hour looks up what its keys have in the
 * rest of the month instead of reading the month. By hash, since a URL may be too long for an index.
 */
export const keyIndex = {
  name: '005-key-index',
  sql: `
CREATE INDEX click_metrics_key ON click_metrics
  (grain, window_start, hashtextextended(url, hashtextextended(country, 0)));
DROP INDEX click_metrics_window;
`,
};
