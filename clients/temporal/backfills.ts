import { WorkflowNotFoundError } from '@temporalio/client';
import type { BackfillProgress } from '../../domain/backfill/result.js';
import type { TemporalClient } from './connection.js';

/** Where a backfill stands, also one that has ended; undefined when no worker answers. */
export async function backfillProgress(
  { client }: TemporalClient,
  workflowId: string,
): Promise<BackfillProgress | undefined> {
  try {
    return await client.workflow.getHandle(workflowId).query<BackfillProgress>('progress');
  } catch {
    return undefined;
  }
}

/** Asks a running backfill to end, the day in hand undone. False when none of that id runs. */
export async function cancelBackfill({ client }: TemporalClient, workflowId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId).cancel();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
