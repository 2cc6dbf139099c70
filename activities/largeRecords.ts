import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { untilAborted } from '../domain/untilAborted.js';

/** A record batch that holds more than this is large, bytes. */
const LARGE_BATCH = 4 * 1024 * 1024;
/** So is a record. */
const LARGE_RECORD = 1024 * 1024;
/** Of large records, bytes, whose remains may lie about. */
const UNCOLLECTED = 8 * 1024 * 1024;

/**
 * Keeps a worker's memory small while large records pass: one lane at a time unpacks and decodes large batches, and
 * what they leave is collected at once. V8 itself lets the remains of ten such records gather before it looks.
 */
export class LargeRecords {
  private last: Promise<void> = Promise.resolve();
  private uncollected = 0;

  /**
   * Uses a part of a fetch when its turn has come: at once unless it is large.
   * Who waits when the signal is aborted is rejected with its reason, and holds up nobody.
   * @param largest bytes of the part's largest record batch, unpacked
   */
  async pass(largest: number, signal: AbortSignal, use: () => Promise<void>): Promise<void> {
    if (largest <= LARGE_BATCH) {
      await use();
      return;
    }
    const before = this.last;
    let done = (): void => undefined;
    const mine = new Promise<void>((resolve) => (done = resolve));
    this.last = before.then(() => mine);
    try {
      await untilAborted(before, signal);
      await use();
      // Of what was unpacked nothing is used any more.
      this.collect();
    } finally {
      done();
    }
  }

  /** A record was decoded, and what came of it is in the spool. */
  decoded(bytes: number): void {
    if (bytes <= LARGE_RECORD) return;
    this.uncollected += bytes;
    if (this.uncollected >= UNCOLLECTED) this.collect();
  }

  private collect(): void {
    this.uncollected = 0;
    collectGarbage();
  }
}

let gc: (() => void) | undefined;

/**
 * Some 50 ms. Node shows V8's function to programs that were started with a flag, and to contexts made after it was set;
 * where it shows none, V8 collects when it likes.
 */
function collectGarbage(): void {
  if (gc === undefined) {
    setFlagsFromString('--expose-gc');
    const shown: unknown = runInNewContext('globalThis.gc');
    setFlagsFromString('--no-expose-gc');
    gc = typeof shown === 'function' ? (shown as () => void) : () => undefined;
  }
  gc();
}
