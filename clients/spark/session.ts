import { randomUUID } from 'node:crypto';
import { ConnectError } from '@connectrpc/connect';
import type { RecordBatch } from 'apache-arrow';
import { ServerRefused, ServerUnavailable } from '../../domain/errors.js';
import { readBatches } from './arrow.js';
import { connectTo, PATIENCE, type SparkConnection, type SparkPatience } from './connection.js';
import { errorInfo } from './errorDetails.js';
import { isConnectionLost, isSessionGone } from './errors.js';
import { executeResponses } from './execute.js';
import { InterruptRequest_InterruptType as InterruptType } from './gen/spark/connect/base_pb.js';
import { sourceRelation, sqlRelation, type SparkValue } from './literal.js';
import { mapSparkError } from './mapError.js';
import { parseSparkRemote, type SparkRemote } from './remote.js';
import {
  executeRequest,
  progressOf,
  type PlanInit,
  type RequestIds,
  type SparkProgress,
} from './requests.js';

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Partial<SparkPatience>;
}

export interface ExecuteOptions {
  readonly signal?: AbortSignal | undefined;
  /** One name for all the work of a run, by which it can be interrupted; no comma, not empty. */
  readonly tag?: string;
  /** A uuid by which this one operation can be interrupted; absent: one that nobody needs to know. */
  readonly operationId?: string;
  /** Called about twice a second while the query runs. */
  readonly onProgress?: (progress: SparkProgress) => void;
}

const CLEAN_UP_MS = 5_000;
/** The first with theta sketches, which the figures are made of. */
const OLDEST = { major: 4, minor: 1 };

/** Settings every session of ours starts with; each stands for a trap. */
const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  // Hours and months are UTC, wherever the server stands.
  'spark.sql.session.timeZone': 'UTC',
  // An overflow shall fail the run, not wrap a sum around.
  'spark.sql.ansi.enabled': 'true',
  // apache-arrow has no codec registered.
  'spark.sql.execution.arrow.compression.codec': 'none',
  'spark.connect.progress.reportInterval': '500ms',
  // Adaptive execution submits a stage behind the query's back: one interrupted just then ran on for ever.
  'spark.sql.adaptive.enabled': 'false',
};

type CallOptions = { readonly timeoutMs: number; readonly signal?: AbortSignal };

/** A session on a Spark Connect server. It notices when the server has lost it; then `broken` says so for good. */
export class SparkSession {
  readonly #remote: SparkRemote;
  readonly #connection: SparkConnection;
  readonly #patience: SparkPatience;
  readonly #sessionId = randomUUID();
  /** The server's own id of the session: another one means that it restarted and made an empty session of our name. */
  #serverSession = '';
  #broken = false;
  #version = '';

  private constructor(remote: SparkRemote, patience: Partial<SparkPatience> = {}) {
    this.#remote = remote;
    this.#patience = { ...PATIENCE, ...patience };
    this.#connection = connectTo(remote);
  }

  /**
   * Connects, checks the version and sets the session up.
   * @throws ConfigurationError for an address that cannot be read, ServerUnavailable, ServerRefused
   */
  static async open(remote: string, options: OpenOptions = {}): Promise<SparkSession> {
    const session = new SparkSession(parseSparkRemote(remote), options.patience);
    try {
      session.#version = await session.ping(options.signal);
      session.#checkVersion();
      await session.set(SESSION_SETTINGS, options.signal);
      return session;
    } catch (e) {
      session.#broken = true;
      session.#connection.close();
      throw e;
    }
  }

  /** Spark's version, such as `4.2.0`. */
  get version(): string {
    return this.#version;
  }

  /** The session's temporary views and settings are gone: open another. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Asks for the version: tells whether server and session are there, and keeps the session from timing out. */
  async ping(signal?: AbortSignal): Promise<string> {
    return this.#askVersion(this.#patience.unaryMs, signal);
  }

  /** Sets runtime settings of Spark for this session. */
  async set(settings: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<void> {
    const pairs = Object.entries(settings).map(([key, value]) => ({ key, value }));
    await this.#unary(this.#patience.unaryMs, signal, (options) =>
      this.#connection.rpc.config(
        { ...this.#ids(), operation: { opType: { case: 'set', value: { pairs } } } },
        options,
      ),
    );
  }

  /**
   * Declares a temporary view on a data source. A password has no place in `options`: Spark's UI shows them.
   * @param options `predicates`: one JDBC partition each
   */
  async createView(
    name: string,
    format: string,
    sourceOptions: Readonly<Record<string, string>>,
    options: ExecuteOptions & { readonly predicates?: readonly string[] } = {},
  ): Promise<void> {
    const input = sourceRelation(format, sourceOptions, options.predicates);
    const value = {
      commandType: { case: 'createDataframeView' as const, value: { input, name, replace: true } },
    };
    await this.#drain({ opType: { case: 'command', value } }, options);
  }

  /** Runs a statement that has no rows (DDL). */
  async command(
    statement: string,
    values: Readonly<Record<string, SparkValue>> = {},
    options: ExecuteOptions = {},
  ): Promise<void> {
    const value = {
      commandType: { case: 'sqlCommand' as const, value: { input: sqlRelation(statement, values) } },
    };
    await this.#drain({ opType: { case: 'command', value } }, options);
  }

  /**
   * The rows of a query as Arrow batches, as they come: a slow reader holds the server back. Leaving the loop early
   * interrupts the job.
   * @throws SparkQueryFailed, SparkColumnRefused, ServerUnavailable, ServerRefused, or the signal's own reason
   */
  async *query(
    query: string,
    values: Readonly<Record<string, SparkValue>> = {},
    options: ExecuteOptions = {},
  ): AsyncGenerator<RecordBatch, void, undefined> {
    yield* this.#run({ opType: { case: 'root', value: sqlRelation(query, values) } }, options);
  }

  /** Spark's extended plan of a query, for people who look into its speed. */
  async explain(query: string): Promise<string> {
    const plan: PlanInit = { opType: { case: 'root', value: sqlRelation(query) } };
    const response = await this.#unary(this.#patience.unaryMs, undefined, (options) =>
      this.#connection.rpc.analyzePlan(
        { ...this.#ids(), analyze: { case: 'explain', value: { plan, explainMode: 2 } } },
        options,
      ),
    );
    return response.result.case === 'explain' ? response.result.value.explainString : '';
  }

  /**
   * Ends every running operation of this session that carries the tag; aborting a stream alone would not.
   * @returns the ids of those that ran
   */
  async interrupt(tag: string): Promise<readonly string[]> {
    return this.#interrupt(this.#patience.unaryMs, { case: 'operationTag', value: tag });
  }

  /** Ends one operation, if it runs. @returns whether it did */
  async interruptOperation(operationId: string): Promise<boolean> {
    const ended = await this.#interrupt(this.#patience.unaryMs, { case: 'operationId', value: operationId });
    return ended.length > 0;
  }

  /** Gives the session back. A server that cannot (it lacks spark-mllib, or is gone) times it out by itself. */
  async close(): Promise<void> {
    this.#broken = true;
    await this.#connection.rpc.releaseSession(this.#ids(), { timeoutMs: CLEAN_UP_MS }).catch(() => undefined);
    this.#connection.close();
  }

  #ids(): RequestIds {
    return {
      sessionId: this.#sessionId,
      userContext: { userId: this.#remote.userId, userName: this.#remote.userId },
      clientType: this.#remote.clientType,
      // With it a server that restarted refuses us; without it, it would make an empty session in silence.
      ...(this.#serverSession !== '' && { clientObservedServerSideSessionId: this.#serverSession }),
    };
  }

  #checkVersion(): void {
    const [major = NaN, minor = NaN] = this.#version.split('.').map(Number);
    if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return;
    throw new ServerRefused(
      'Spark',
      `Spark Connect at ${this.#remote.address}: expected version ${OLDEST.major}.${OLDEST.minor} or newer, got ` +
        this.#version,
    );
  }

  async #askVersion(timeoutMs: number, signal?: AbortSignal): Promise<string> {
    const response = await this.#unary(timeoutMs, signal, (options) =>
      this.#connection.rpc.analyzePlan(
        { ...this.#ids(), analyze: { case: 'sparkVersion', value: {} } },
        options,
      ),
    );
    return response.result.case === 'sparkVersion' ? response.result.value.version : 'an unknown version';
  }

  async #interrupt(
    timeoutMs: number,
    interrupt: { readonly case: 'operationTag' | 'operationId'; readonly value: string },
  ): Promise<readonly string[]> {
    const interruptType = interrupt.case === 'operationTag' ? InterruptType.TAG : InterruptType.OPERATION_ID;
    const response = await this.#unary(timeoutMs, undefined, (options) =>
      this.#connection.rpc.interrupt({ ...this.#ids(), interruptType, interrupt }, options),
    );
    return response.interruptedIds;
  }

  async #drain(plan: PlanInit, options: ExecuteOptions): Promise<void> {
    const batches = this.#run(plan, options);
    while (!(await batches.next()).done);
  }

  async *#run(plan: PlanInit, options: ExecuteOptions): AsyncGenerator<RecordBatch, void, undefined> {
    const { signal, onProgress, tag, operationId = randomUUID() } = options;
    signal?.throwIfAborted();
    if (tag === '' || tag?.includes(','))
      throw new TypeError(`tag: expected a text without comma, got ${JSON.stringify(tag)}`);
    const responses = executeResponses({
      connection: this.#connection,
      request: executeRequest(this.#ids(), operationId, plan, tag === undefined ? [] : [tag]),
      patience: this.#patience,
      signal,
      // This operation alone: others may carry the same tag.
      interrupt: async () =>
        (await this.#interrupt(CLEAN_UP_MS, { case: 'operationId', value: operationId })).length > 0,
      probe: async () => void (await this.#askVersion(this.#patience.probeMs)),
      observe: (response) => this.#observe(response),
    });
    try {
      for await (const { responseType } of responses) {
        if (responseType.case === 'arrowBatch') yield* readBatches(responseType.value.data);
        else if (responseType.case === 'executionProgress') onProgress?.(progressOf(responseType.value));
      }
    } catch (e) {
      throw await this.#mapped(e, signal);
    }
  }

  /** A short call, repeated once where its connection broke: all of them can run twice. */
  async #unary<T extends { readonly serverSideSessionId: string }>(
    timeoutMs: number,
    signal: AbortSignal | undefined,
    call: (options: CallOptions) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const began = Date.now();
      try {
        const response = await call({ timeoutMs, ...(signal && { signal }) });
        this.#observe(response);
        return response;
      } catch (e) {
        const lost = !signal?.aborted && e instanceof ConnectError && isConnectionLost(e);
        const late = Date.now() - began >= timeoutMs;
        // Nothing came back over this connection: one that is cut without a word would swallow the next call too.
        if (lost && late) this.#connection.reset();
        if (!lost || late || attempt > 1) throw await this.#mapped(e, signal);
      }
    }
  }

  #observe({ serverSideSessionId }: { readonly serverSideSessionId: string }): void {
    if (serverSideSessionId === '' || serverSideSessionId === this.#serverSession) return;
    if (this.#serverSession !== '') {
      this.#broken = true;
      throw new ServerUnavailable(
        'Spark',
        `Spark Connect at ${this.#remote.address} answered from another session: it restarted`,
      );
    }
    this.#serverSession = serverSideSessionId;
  }

  async #mapped(e: unknown, signal: AbortSignal | undefined): Promise<Error> {
    if (signal?.aborted) return this.#abortReason(signal.reason);
    if (e instanceof ConnectError && isSessionGone(e)) this.#broken = true;
    return mapSparkError(e, this.#remote.address, await this.#causes(e));
  }

  #abortReason(reason: unknown): Error {
    if (!(reason instanceof Error)) return new Error('aborted');
    if (reason.name !== 'TimeoutError') return reason;
    return new ServerUnavailable('Spark', `Spark Connect at ${this.#remote.address} did not answer in time`, {
      cause: reason,
    });
  }

  /** Why an error came about: its message alone says only that the database could not be reached. */
  async #causes(e: unknown): Promise<string[]> {
    const { errorId } = e instanceof ConnectError ? errorInfo(e) : { errorId: '' };
    if (errorId === '' || this.#broken) return [];
    return this.#connection.rpc
      .fetchErrorDetails({ ...this.#ids(), errorId }, { timeoutMs: CLEAN_UP_MS })
      .then(
        ({ errors }) => errors.map((error) => error.message.split('\n')[0] ?? ''),
        () => [],
      );
  }
}
