/** Spark's settings for inputs that one connection reads. */
export const SMALL_INPUT: Readonly<Record<string, string>> = {
  'spark.sql.shuffle.partitions': '2',
  // Planning anew after each stage costs a job a stage: worth it for large inputs only.
  'spark.sql.adaptive.enabled': 'false',
};
export const LARGE_INPUT: Readonly<Record<string, string>> = {
  'spark.sql.shuffle.partitions': '8',
  'spark.sql.adaptive.enabled': 'true',
};
