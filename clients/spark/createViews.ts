import type { ExecuteOptions, SparkSession } from './session.js';

/** Spark opens a connection for each to ask for its columns, and most of the time is a way there and back. */
const AT_ONCE = 4;

/**
 * Declares temporary views on data sources of one format, some at once.
 * @param views the source's options by the view's name
 * @throws the first error, when those under way have ended: none goes on behind the caller's back
 */
export async function createViews(
  session: SparkSession,
  format: string,
  views: ReadonlyMap<string, Readonly<Record<string, string>>>,
  options: ExecuteOptions,
): Promise<void> {
  const all = [...views];
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const some = all
      .slice(at, at + AT_ONCE)
      .map(([name, sourceOptions]) => session.createView(name, format, sourceOptions, options));
    const failed = (await Promise.allSettled(some)).find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}
