import type pg from 'pg';
import type { SessionState } from '../clients/postgres/aggregate/session.js';
import { ServerUnavailable } from '../domain/errors.js';

export interface KeptAliveOptions {
  readonly everyMs: number;
  /** So long without a sign of life, of PostgreSQL or of this process, and the attempt is given up. */
  readonly patienceMs: number;
  readonly heartbeat: (details: unknown) => void;
  /** The activity's cancellation. */
  readonly signal: AbortSignal;
  /** What PostgreSQL says, over another connection, of the session that is kept alive. */
  readonly look: () => Promise<SessionState>;
  /** Ends that session over another connection. */
  readonly end: () => Promise<void>;
}

/**
 * A transaction that waits for somebody else's work. With every heartbeat it pings, so that PostgreSQL knows an
 * idle transaction from an abandoned one, and so that a connection that broke, or fell silent, ends the waiting.
 * While a statement runs, which may take long, another connection looks whether the server still works on it.
 */
export class KeptAlive {
  readonly #timer: NodeJS.Timeout;
  readonly #lost = new AbortController();
  readonly #options: KeptAliveOptions;
  readonly #client: pg.PoolClient;
  readonly #onError = (e: Error): void => this.#lost.abort(e);
  /** Rejects when the signal is aborted: what hangs on a dead connection is waited for no longer. */
  readonly #over: Promise<never>;
  #details: unknown;
  #busy = 0;
  #looking = false;
  #lastBeat = Date.now();
  #lastSign = Date.now();
  #queue: Promise<unknown> = Promise.resolve();

  /** Aborted by the activity's cancellation, or with the error when the connection is lost. */
  readonly signal: AbortSignal;

  constructor(client: pg.PoolClient, options: KeptAliveOptions) {
    this.#client = client;
    this.#options = options;
    this.signal = AbortSignal.any([options.signal, this.#lost.signal]);
    this.#over = new Promise((_, reject) => {
      const over = (): void => {
        // A statement that runs would go on in PostgreSQL.
        if (this.#busy > 0) options.end().catch(() => undefined);
        reject(this.signal.reason as Error);
      };
      if (this.signal.aborted) over();
      else this.signal.addEventListener('abort', over, { once: true });
    });
    this.#over.catch(() => undefined);
    client.on('error', this.#onError);
    this.#timer = setInterval(() => this.#beat(), options.everyMs);
    options.heartbeat(undefined);
  }

  /** What the next heartbeat carries: references and counts. */
  say(details: object): void {
    this.#details = details;
  }

  /** @throws when the attempt is over; also when this process stood still for so long that another one is under way. */
  throwIfOver(): void {
    this.#noticeStandstill();
    this.signal.throwIfAborted();
  }

  /**
   * Runs statements with nothing in between: a connection executes one at a time. Rejects at once when the attempt
   * is over; the connection is then of no more use.
   */
  exclusive<T>(use: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    const result = this.#queue
      .then(() => {
        this.signal.throwIfAborted();
        return Promise.race([use(), this.#over]);
      })
      .finally(() => {
        this.#busy -= 1;
        this.#lastSign = Date.now();
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
    this.#noticeStandstill();
    this.#options.heartbeat(this.#details);
    if (this.signal.aborted) return;
    const silentMs = Date.now() - this.#lastSign;
    if (silentMs > this.#options.patienceMs)
      this.#lose('PostgreSQL', `PostgreSQL has not answered for ${silentMs} ms`);
    else if (this.#busy > 0) this.#lookAt();
    else this.exclusive(() => this.#client.query('SELECT 1')).catch((e: unknown) => this.#lost.abort(e));
  }

  #lookAt(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#options
      .look()
      .then(
        (state) => {
          if (state === 'working') this.#lastSign = Date.now();
          else if (state === 'gone' && this.#busy > 0)
            this.#lose('PostgreSQL', 'PostgreSQL ended the session that writes the figures');
        },
        // Says nothing about the session itself; silence has its own end.
        () => undefined,
      )
      .finally(() => {
        this.#looking = false;
      });
  }

  #noticeStandstill(): void {
    const stoodMs = Date.now() - this.#lastBeat;
    this.#lastBeat += stoodMs;
    if (stoodMs > this.#options.patienceMs)
      this.#lose('Temporal', `this process stood still for ${stoodMs} ms: the attempt is given up`);
  }

  #lose(server: 'PostgreSQL' | 'Temporal', why: string): void {
    this.#lost.abort(new ServerUnavailable(server, why));
  }
}
