import type pg from 'pg';

export interface KeptAliveOptions {
  readonly everyMs: number;
  readonly heartbeat: (details: unknown) => void;
  /** The activity's cancellation. */
  readonly signal: AbortSignal;
}

/**
 * A transaction that waits for somebody else's work. With every heartbeat it pings, so that PostgreSQL knows an
 * idle transaction from an abandoned one, and so that a connection that broke ends the waiting at once.
 */
export class KeptAlive {
  readonly #timer: NodeJS.Timeout;
  readonly #lost = new AbortController();
  readonly #options: KeptAliveOptions;
  readonly #client: pg.PoolClient;
  readonly #onError = (e: Error): void => this.#lost.abort(e);
  #details: unknown;
  #busy = 0;
  #queue: Promise<unknown> = Promise.resolve();

  /** Aborted by the activity's cancellation, or with the error when the connection is lost. */
  readonly signal: AbortSignal;

  constructor(client: pg.PoolClient, options: KeptAliveOptions) {
    this.#client = client;
    this.#options = options;
    this.signal = AbortSignal.any([options.signal, this.#lost.signal]);
    client.on('error', this.#onError);
    this.#timer = setInterval(() => this.#beat(), options.everyMs);
    options.heartbeat(undefined);
  }

  /** What the next heartbeat carries: references and counts. */
  say(details: object): void {
    this.#details = details;
  }

  /** Runs statements with nothing in between: a connection executes one at a time. */
  exclusive<T>(use: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    const result = this.#queue.then(use).finally(() => {
      this.#busy -= 1;
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#queue;
    this.#client.removeListener('error', this.#onError);
  }

  #beat(): void {
    this.#options.heartbeat(this.#details);
    if (this.#busy > 0) return;
    this.exclusive(() => this.#client.query('SELECT 1')).catch((e: unknown) => this.#lost.abort(e));
  }
}
