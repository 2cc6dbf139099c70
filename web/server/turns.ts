/** Requests take turns, so that any number of readers asks no more of the index at once than it bears. */

export class TooBusy extends Error {
  constructor(waiting: number) {
    super(`${waiting} requests wait for their turn already`);
    this.name = 'TooBusy';
  }
}

/** Runs the work when its turn comes; a reader whose signal aborts while he waits leaves the queue. */
export type InTurn = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/**
 * In the order in which they came.
 * @param atOnce Turns taken at the same time at most.
 * @param waiting Others that wait at most; one more is refused with `TooBusy`.
 */
export function createTurns(atOnce: number, waiting: number): InTurn {
  let free = atOnce;
  const queue: (() => void)[] = [];

  const wait = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        queue.splice(queue.indexOf(start), 1);
        reject(signal.reason as Error);
      };
      const start = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      queue.push(start);
      signal.addEventListener('abort', leave, { once: true });
    });

  return async (signal, work) => {
    signal.throwIfAborted();
    if (free > 0) free -= 1;
    else if (queue.length >= waiting) throw new TooBusy(waiting);
    else await wait(signal);
    try {
      return await work();
    } finally {
      // The turn passes to the next one without being free in between: nobody can overtake.
      const next = queue.shift();
      if (next) next();
      else free += 1;
    }
  };
}
