import { BulkBody, type Sent } from '../clients/elasticsearch/index.js';
import type { FigureRow } from '../domain/figure.js';

/** Requests under way at once. One hides the other's network time; more only fill the server's queue. */
export const LANES = 2;
/** A URL may have 100 KB and more: a page ends at so many bytes, too, so that few of them lie in memory. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** A page may be so much larger than the one before without moving in memory. */
const SPARE_BYTES = 64 * 1024;
/** Pages at most whose turn to be finished has not come; what one of them needs by then is little. */
const UNFINISHED = 2 * LANES;

/**
 * Sends pages, `LANES` at once, while the next one is read; finishes them one by one in their order, each when it and
 * all before it have their answers. Rejects with the first error; no request is under way any more then.
 */
export async function sendPages(
  pages: AsyncIterable<BulkBody>,
  send: (page: BulkBody) => Promise<Sent>,
  finish: (page: ReturnType<BulkBody['key']>, sent: Sent) => Promise<void> | void,
): Promise<void> {
  const requests = new Set<Promise<unknown>>();
  const unfinished: Promise<void>[] = [];
  let last = Promise.resolve();
  try {
    for await (const page of pages) {
      if (unfinished.length === UNFINISHED) await unfinished[0];
      if (requests.size === LANES) await Promise.race([...requests, last]);
      const key = page.key(page.count - 1);
      const sent = send(page);
      const request = sent.catch(() => undefined).finally(() => requests.delete(request));
      requests.add(request);
      const before = last;
      last = before
        .then(async () => finish(key, await sent))
        .finally(() => {
          void unfinished.shift();
        });
      // Whoever waits for its turn meets the error.
      last.catch(() => undefined);
      unfinished.push(last);
    }
    await last;
  } finally {
    await Promise.allSettled([...requests, last]);
  }
}

/** The figures as bodies of requests: each of at most so many figures, and ended by the one that makes it large. */
export async function* inPages(
  groups: AsyncIterable<Iterable<FigureRow>> | Iterable<Iterable<FigureRow>>,
  figures: number,
): AsyncGenerator<BulkBody> {
  let page = new BulkBody();
  for await (const group of groups)
    for (const row of group) {
      page.add(row);
      if (page.count < figures && page.bytes < PAGE_BYTES) continue;
      yield page;
      page = new BulkBody(Math.min(page.bytes + SPARE_BYTES, PAGE_BYTES));
    }
  if (page.count > 0) yield page;
}
