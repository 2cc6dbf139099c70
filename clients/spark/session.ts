import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { Http2SessionManager, createGrpcTransport } from '@connectrpc/connect-node';
import { RecordBatchReader, type RecordBatch } from 'apache-arrow';
import { ServerRefused } from '../../domain/errors.js';
import {
  ExecutePlanRequestSchema,
  InterruptRequest_InterruptType,
  SparkConnectService,
  type PlanSchema,
} from './gen/spark/connect/base_pb.js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Relation } from './gen/spark/connect/relations_pb.js';
import { errorId, isSessionGone, mapSparkError } from './errors.js';
import { executeResponses, type SparkRpc } from './execute.js';
import { sourceRelation, sqlRelation, type SparkValue } from './literal.js';
import { parseSparkRemote, type SparkRemote } from './remote.js';

/** How far Spark is with what it runs. */
export interface SparkProgress {
  readonly stages: number;
  readonly stagesDone: number;
  readonly tasks: number;
  readonly tasksDone: number;
}

export interface ExecuteOptions {
  readonly signal?: AbortSignal | undefined;
  /** One name for all the work of a run, by which it can be interrupted; no comma, not empty. */
  readonly tag?: string;
  readonly onProgress?: (progress: SparkProgress) => void;
}

type PlanInit = MessageInitShape<typeof PlanSchema>;

const UNARY_MS = 30_000;
const RELEASE_MS = 5_000;
const MAX_MESSAGE_BYTES = 0x7fffffff;

/** Settings every session of ours starts with; each stands for a trap. */
const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  // Hours and months are UTC, wherever the server stands.
  'spark.sql.session.timeZone': 'UTC',
  // An overflow shall fail the run, not wrap a sum around.
  'spark.sql.ansi.enabled': 'true',
  // apache-arrow has no codec registered.
  'spark.sql.execution.arrow.compression.codec': 'none',
  'spark.connect.progress.reportInterval': '500ms',
};

/** A session on a Spark Connect server. It notices when the server has lost it; then `broken` says so for good. */
export class SparkSession {
  readonly #rpc: SparkRpc;
  readonly #remote: SparkRemote;
  /** Ours to close: connect keeps an idle connection for 15 min, and with it the process. */
  readonly #connection: Http2SessionManager;
  readonly #sessionId = randomUUID();
  #serverSession = '';
  #broken = false;
  #version = '';

  private constructor(remote: SparkRemote) {
    this.#remote = remote;
    const addHeaders: Interceptor = (next) => (request) => {
      if (remote.token !== undefined) request.header.set('authorization', `Bearer ${remote.token}`);
      for (const [name, value] of Object.entries(remote.headers)) request.header.set(name, value);
      return next(request);
    };
    this.#connection = new Http2SessionManager(remote.baseUrl);
    this.#rpc = createClient(
      SparkConnectService,
      createGrpcTransport({
        baseUrl: remote.baseUrl,
        sessionManager: this.#connection,
        interceptors: [addHeaders],
        readMaxBytes: MAX_MESSAGE_BYTES,
        writeMaxBytes: MAX_MESSAGE_BYTES,
      }),
    );
  }

  /** Connects, checks the version and sets the session up. Throws ServerUnavailable or ServerRefused. */
  static async open(remote: string, signal?: AbortSignal): Promise<SparkSession> {
    const session = new SparkSession(parseSparkRemote(remote));
    session.#version = await session.ping(signal);
    const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(session.#version) ?? [];
    // 4.1 brought the theta sketches that users are counted with.
    if (Number(major) < 4 || (major === '4' && minor === '0'))
      throw new ServerRefused(
        'Spark',
        `Spark Connect at ${session.#remote.address}: expected version 4.1 or newer, got ${session.#version}`,
      );
    await session.set(SESSION_SETTINGS, signal);
    return session;
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
    const response = await this.#unary(signal, (options) =>
      this.#rpc.analyzePlan({ ...this.#ids(), analyze: { case: 'sparkVersion', value: {} } }, options),
    );
    this.#serverSession = response.serverSideSessionId;
    return response.result.case === 'sparkVersion' ? response.result.value.version : 'an unknown version';
  }

  async set(settings: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<void> {
    const pairs = Object.entries(settings).map(([key, value]) => ({ key, value }));
    await this.#unary(signal, (options) =>
      this.#rpc.config({ ...this.#ids(), operation: { opType: { case: 'set', value: { pairs } } } }, options),
    );
  }

  /** Declares a temporary view on a data source. A password has no place in `options`: Spark's UI shows them. */
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

  /** The rows of a query as Arrow batches, as they come. Leaving the loop early interrupts the job. */
  async *query(
    query: string,
    values: Readonly<Record<string, SparkValue>> = {},
    options: ExecuteOptions = {},
  ): AsyncGenerator<RecordBatch, void, undefined> {
    yield* this.#run({ opType: { case: 'root', value: sqlRelation(query, values) } }, options);
  }

  /** Spark's extended plan of a query, for people who look into its speed. */
  async explain(query: string): Promise<string> {
    const root: Relation = sqlRelation(query);
    const response = await this.#unary(undefined, (options) =>
      this.#rpc.analyzePlan(
        {
          ...this.#ids(),
          analyze: {
            case: 'explain',
            value: { plan: { opType: { case: 'root', value: root } }, explainMode: 2 },
          },
        },
        options,
      ),
    );
    return response.result.case === 'explain' ? response.result.value.explainString : '';
  }

  /** Ends every running operation of this session that carries the tag; aborting a stream alone would not. */
  async interrupt(tag: string): Promise<void> {
    await this.#unary(undefined, (options) =>
      this.#rpc.interrupt(
        {
          ...this.#ids(),
          interruptType: InterruptRequest_InterruptType.TAG,
          interrupt: { case: 'operationTag', value: tag },
        },
        options,
      ),
    );
  }

  /** Gives the session back. A server that cannot (it lacks spark-mllib, or is gone) times it out by itself. */
  async close(): Promise<void> {
    this.#broken = true;
    await this.#rpc.releaseSession(this.#ids(), { timeoutMs: RELEASE_MS }).catch(() => undefined);
    this.#connection.abort();
  }

  #ids() {
    return {
      sessionId: this.#sessionId,
      userContext: { userId: this.#remote.userId, userName: this.#remote.userId },
      clientType: 'clickstream-node',
      ...(this.#serverSession !== '' && { clientObservedServerSideSessionId: this.#serverSession }),
    };
  }

  async #drain(plan: PlanInit, options: ExecuteOptions): Promise<void> {
    const batches = this.#run(plan, options);
    while (!(await batches.next()).done);
  }

  async *#run(plan: PlanInit, options: ExecuteOptions): AsyncGenerator<RecordBatch, void, undefined> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const operationId = randomUUID();
    const tag = options.tag ?? operationId;
    const request = create(ExecutePlanRequestSchema, {
      ...this.#ids(),
      operationId,
      plan,
      tags: [tag],
      requestOptions: [{ requestOption: { case: 'reattachOptions', value: { reattachable: true } } }],
    });
    // A server that is gone runs nothing any more.
    const interrupt = (): Promise<void> => this.interrupt(tag).catch(() => undefined);
    try {
      for await (const { responseType } of executeResponses(this.#rpc, request, signal, interrupt)) {
        if (responseType.case === 'arrowBatch') {
          // Every message is a whole IPC stream, schema included.
          yield* RecordBatchReader.from(responseType.value.data);
        } else if (responseType.case === 'executionProgress' && onProgress !== undefined) {
          const { stages } = responseType.value;
          onProgress({
            stages: stages.length,
            stagesDone: stages.filter((stage) => stage.done).length,
            tasks: stages.reduce((sum, stage) => sum + Number(stage.numTasks), 0),
            tasksDone: stages.reduce((sum, stage) => sum + Number(stage.numCompletedTasks), 0),
          });
        }
      }
    } catch (e) {
      throw await this.#mapped(e, signal);
    }
  }

  async #unary<T>(
    signal: AbortSignal | undefined,
    call: (options: { timeoutMs: number; signal?: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    try {
      return await call({ timeoutMs: UNARY_MS, ...(signal && { signal }) });
    } catch (e) {
      throw await this.#mapped(e, signal);
    }
  }

  async #mapped(e: unknown, signal: AbortSignal | undefined): Promise<Error> {
    if (signal?.aborted) return signal.reason instanceof Error ? signal.reason : new Error('aborted');
    if (e instanceof ConnectError && isSessionGone(e)) this.#broken = true;
    return mapSparkError(e, this.#remote.address, await this.#causes(e));
  }

  /** Why an error came about: its message alone says only that the database could not be reached. */
  async #causes(e: unknown): Promise<string[]> {
    const id = e instanceof ConnectError ? errorId(e) : undefined;
    if (id === undefined || this.#broken) return [];
    return this.#rpc.fetchErrorDetails({ ...this.#ids(), errorId: id }, { timeoutMs: RELEASE_MS }).then(
      ({ errors }) => errors.map((error) => error.message.split('\n')[0] ?? ''),
      () => [],
    );
  }
}
