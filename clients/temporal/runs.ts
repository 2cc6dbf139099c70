import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { workflowQueue } from '../../domain/names.js';
import type { Account } from '../../domain/stages.js';
import type { TemporalClient } from './connection.js';

export interface Run {
  readonly handle: WorkflowHandle;
  readonly workflowId: string;
  readonly runId: string;
  /** It ran already, and was joined. */
  readonly joined: boolean;
}

/** Starts a workflow of the installation under its fixed id, or joins the run that holds the id. */
export async function startOrJoin(
  { client }: TemporalClient,
  name: string,
  run: {
    readonly type: string;
    readonly workflowId: string;
    readonly input: object;
    readonly summary: string;
  },
): Promise<Run> {
  const { type, workflowId } = run;
  try {
    const handle = await client.workflow.start(type, {
      workflowId,
      taskQueue: workflowQueue(name),
      args: [run.input],
      staticSummary: run.summary,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
    });
    return { handle, workflowId, runId: handle.firstExecutionRunId, joined: false };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const running = await client.workflow.getHandle(workflowId).describe();
    const firstExecutionRunId = running.raw.workflowExecutionInfo?.firstRunId || running.runId;
    return {
      // Not pinned to the run that is under way: it may continue as new, and goes on under another run id.
      handle: client.workflow.getHandle(workflowId, undefined, { firstExecutionRunId }),
      workflowId,
      runId: running.runId,
      joined: true,
    };
  }
}

/** The account of a run and of the children it names, added up; undefined when it does not answer now. */
export async function accountOf(
  { client }: TemporalClient,
  run: Pick<Run, 'handle'>,
): Promise<Account | undefined> {
  const account = await query(run.handle);
  if (account === undefined) return undefined;
  const children = await Promise.all(account.children.map((id) => query(client.workflow.getHandle(id))));
  return children.reduce<Account>(
    (sum, child) =>
      child === undefined
        ? sum
        : {
            ...sum,
            batches: sum.batches + child.batches,
            counts: {
              records: sum.counts.records + child.counts.records,
              persisted: sum.counts.persisted + child.counts.persisted,
              duplicates: sum.counts.duplicates + child.counts.duplicates,
              deadLetters: sum.counts.deadLetters + child.counts.deadLetters,
              filtered: sum.counts.filtered + child.counts.filtered,
            },
          },
    account,
  );
}

/** A query that finds no worker, or a workflow not yet begun, is no trouble of the run's. */
async function query(handle: WorkflowHandle): Promise<Account | undefined> {
  try {
    return await handle.query<Account>('account');
  } catch {
    return undefined;
  }
}

/** What is tried again and again, with the last reason: `runSparkAggregation, attempt 4: Spark … does not answer`. */
export async function troubles(
  { client, target }: TemporalClient,
  workflowIds: readonly string[],
): Promise<string[]> {
  const found = await Promise.all(
    workflowIds.map(async (workflowId) => {
      try {
        const { pendingActivities } = await client.workflowService.describeWorkflowExecution({
          namespace: target.namespace,
          execution: { workflowId },
        });
        return (pendingActivities ?? []).flatMap(({ activityType, attempt, lastFailure }) =>
          lastFailure?.message
            ? [`${activityType?.name ?? 'activity'}, attempt ${attempt ?? 0}: ${lastFailure.message}`]
            : [],
        );
      } catch {
        return [];
      }
    }),
  );
  return found.flat();
}

/** The account of what runs under this id; undefined when nothing does, or it does not answer now. */
export async function accountOfOpen(
  temporal: TemporalClient,
  workflowId: string,
): Promise<Account | undefined> {
  if (!(await isOpen(temporal, workflowId))) return undefined;
  return accountOf(temporal, { handle: temporal.client.workflow.getHandle(workflowId) });
}

/** Ids of the installation's workflows that run, whoever started them. Temporal lists a new one after a moment. */
export async function running(
  { client }: TemporalClient,
  name: string,
  type?: 'backfill',
): Promise<string[]> {
  const ofType = type === undefined ? '' : ` AND WorkflowType = '${type}'`;
  const query = `TaskQueue = '${workflowQueue(name)}' AND ExecutionStatus = 'Running'${ofType}`;
  const ids: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  return ids.sort();
}

/** Whether a workflow of that id runs. */
export async function isOpen({ client }: TemporalClient, workflowId: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Tells a running workflow something; false when none runs. */
export async function signal({ client }: TemporalClient, workflowId: string, name: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId).signal(name);
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
