import { ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import type { ScheduleOptions } from '@temporalio/client';
import type { Config } from '../../domain/config/config.js';
import { scheduleId, workflowQueue } from '../../domain/names.js';
import type { TemporalClient } from './connection.js';

export interface ScheduleReport {
  readonly id: string;
  readonly workflow: string;
  readonly everyMs: number;
  readonly action: 'created' | 'updated';
  readonly paused: boolean;
}

/**
 * Makes the schedule what the configuration says. A run that is still going when the next is due is not joined by a
 * second (SKIP); an outage is made up for if it was shorter than ten minutes. A pause that somebody set stays.
 */
export async function applySchedule({ client }: TemporalClient, config: Config): Promise<ScheduleReport> {
  const { name, analyze } = config;
  const id = scheduleId(name);
  const described = {
    spec: { intervals: [{ every: analyze.scheduleMs }] },
    action: {
      type: 'startWorkflow',
      workflowType: analyze.workflow,
      workflowId: id,
      taskQueue: workflowQueue(name),
      args: [{}],
      staticSummary: 'started by the schedule',
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: 10 * 60_000 },
  } satisfies Omit<ScheduleOptions, 'scheduleId'>;
  const report = { id, workflow: analyze.workflow, everyMs: analyze.scheduleMs };

  const handle = client.schedule.getHandle(id);
  try {
    let paused = false;
    await handle.update((current) => {
      paused = current.state.paused;
      return { ...described, state: current.state };
    });
    return { ...report, action: 'updated', paused };
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
  await client.schedule.create({ scheduleId: id, ...described });
  return { ...report, action: 'created', paused: false };
}

/** False when there was none. Runs that it started go on. */
export async function deleteSchedule({ client }: TemporalClient, name: string): Promise<boolean> {
  try {
    await client.schedule.getHandle(scheduleId(name)).delete();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}
