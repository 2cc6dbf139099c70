/** A real Temporal server, the real workflow code, and activities that a test scripts. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { WorkerOptions } from '@temporalio/worker';
import { parseServers } from '../../domain/config/servers.js';
import { analyzeQueue, ingestQueue, spoolQueue, workflowQueue } from '../../domain/names.js';
import type { WorkflowSettings } from '../../domain/stages.js';
import { ROOT } from './cli.js';
import { testName } from './names.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- scripted activities have any one input
type Scripted = (input: any) => Promise<unknown>;

export interface Stage {
  readonly name: string;
  readonly client: Client;
  /** Starts a workflow of the installation. */
  readonly start: (
    type: string,
    workflowId: string,
    input?: object,
  ) => Promise<WorkflowHandleWithFirstExecutionRunId>;
  /** More queues, such as a second worker's spool. */
  readonly poll: (taskQueue: string, activities: Record<string, Scripted>) => Promise<() => Promise<void>>;
}

export interface StageOptions {
  readonly activities: Record<string, Scripted>;
  readonly settings?: Partial<WorkflowSettings>;
  readonly worker?: Partial<WorkerOptions>;
  /** Queues that this worker polls besides the workflow queue; default: ingest, analyze and spool `a`. */
  readonly queues?: (name: string) => readonly string[];
}

/** Lends workers over scripted activities; they are drained afterwards, whatever happened. */
export async function withStage(options: StageOptions, use: (stage: Stage) => Promise<void>): Promise<void> {
  const name = testName('wf');
  const { address, namespace } = parseServers(process.env).temporal;
  const connection = await NativeConnection.connect({ address });
  const clientConnection = await Connection.connect({ address });
  const client = new Client({ connection: clientConnection, namespace });
  const settings: WorkflowSettings = {
    name,
    topics: ['clicks'],
    indexPatienceMs: 5000,
    heartbeatMs: 5000,
    searchAttributes: false,
    ...options.settings,
  };
  const running: { worker: Worker; run: Promise<void> }[] = [];
  const run = async (taskQueue: string, more: Partial<WorkerOptions>): Promise<() => Promise<void>> => {
    const worker = await Worker.create({ connection, namespace, taskQueue, ...more });
    const one = { worker, run: worker.run() };
    running.push(one);
    return async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await one.run;
    };
  };
  try {
    await run(workflowQueue(name), {
      workflowBundle: { codePath: join(ROOT, 'dist/workflow-bundle.js') },
      activities: { readSettings: () => Promise.resolve(settings) },
      enableNonLocalActivities: false,
      ...options.worker,
    });
    const queues = options.queues?.(name) ?? [ingestQueue(name), analyzeQueue(name), spoolQueue(name, 'a')];
    for (const queue of queues) await run(queue, { activities: options.activities });
    await use({
      name,
      client,
      start: (type, workflowId, input) =>
        client.workflow.start(type, {
          workflowId,
          taskQueue: workflowQueue(name),
          ...(input === undefined ? {} : { args: [input] }),
        }),
      poll: (taskQueue, activities) => run(taskQueue, { activities }),
    });
  } finally {
    for (const { worker } of running) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.allSettled(running.map((one) => one.run));
    await connection.close();
    await clientConnection.close();
  }
}

export const HISTORIES = join(ROOT, 'test/histories');

/**
 * Saves a run's history for the replay test, when `CLICKSTREAM_RECORD_HISTORIES=1`: those in the repository are what
 * older code wrote, and are replaced only when a change of the workflows is meant to break them.
 */
export async function record(handle: WorkflowHandle, name: string): Promise<void> {
  if (process.env['CLICKSTREAM_RECORD_HISTORIES'] !== '1') return;
  mkdirSync(HISTORIES, { recursive: true });
  const history = plain(await handle.fetchHistory());
  writeFileSync(join(HISTORIES, `${name}.json`), `${JSON.stringify(history)}\n`);
}

/**
 * The protocol's objects field by field, bytes in base64, long numbers as their halves. The SDK's own converter to
 * Temporal's JSON needs one copy of protobufjs for all of its packages, and npm installs several.
 */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  // A stack trace says where the recorder's files lie, which is nobody else's business.
  const fields = Object.entries(value).filter(([key]) => key !== 'stackTrace');
  return Object.fromEntries(fields.map(([key, field]) => [key, plain(field)]));
}

export function readHistory(name: string): unknown {
  return JSON.parse(readFileSync(join(HISTORIES, `${name}.json`), 'utf8'), (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'base64' in value && typeof value.base64 === 'string'
      ? Buffer.from(value.base64, 'base64')
      : value,
  );
}
