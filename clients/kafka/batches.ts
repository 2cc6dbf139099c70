import { setTimeout as sleep } from 'node:timers/promises';

export interface BatchBounds {
  /** A record that would go beyond this begins the next batch; one larger than it goes alone. */
  readonly bytes: number;
  readonly records: number;
  /** How long a batch waits for more after its first record, ms: a pipe may stay open and silent for ever. */
  readonly lingerMs: number;
}

const LINGERED = Symbol('lingered');

/** Groups records in their order. A source that is always ready gives full batches; a slow one gives small ones in time. */
export async function* inBatches<T>(
  source: AsyncIterable<T> | Iterable<T>,
  sizeOf: (record: T) => number,
  bounds: BatchBounds,
): AsyncGenerator<{ readonly records: readonly T[]; readonly bytes: number }, void> {
  const records = asAsync(source);
  let batch: T[] = [];
  let bytes = 0;
  let patience: { readonly over: Promise<typeof LINGERED>; readonly timer: AbortController } | undefined;
  const take = (): { records: T[]; bytes: number } => {
    const taken = { records: batch, bytes };
    batch = [];
    bytes = 0;
    patience?.timer.abort();
    patience = undefined;
    return taken;
  };
  try {
    let coming = records.next();
    for (;;) {
      const next = patience === undefined ? await coming : await Promise.race([coming, patience.over]);
      if (next === LINGERED) {
        yield take();
        continue;
      }
      if (next.done === true) break;
      coming = records.next();
      // Whoever waits for it hears of its failure; between two batches nobody does yet.
      coming.catch(() => undefined);
      const size = sizeOf(next.value);
      if (batch.length > 0 && (bytes + size > bounds.bytes || batch.length >= bounds.records)) yield take();
      batch.push(next.value);
      bytes += size;
      patience ??= linger(bounds.lingerMs);
    }
    if (batch.length > 0) yield take();
  } finally {
    patience?.timer.abort();
    await records.return?.(undefined);
  }
}

async function* asAsync<T>(source: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  yield* source;
}

function linger(ms: number): { over: Promise<typeof LINGERED>; timer: AbortController } {
  const timer = new AbortController();
  const over = sleep(ms, LINGERED, { signal: timer.signal });
  over.catch(() => undefined);
  return { over, timer };
}
