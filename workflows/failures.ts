/** What a failure that arrived from an activity or a child means to a workflow. */
import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';

/** The files of a batch cannot be had: the worker is gone (its queue is not read), or the spool lost them. */
export function spoolIsGone(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return cause.timeoutType === 'SCHEDULE_TO_START';
  return cause instanceof ApplicationFailure && cause.type === 'SpoolLost';
}

/** The code of the error that an activity ended with. */
export const failureType = (error: unknown): string | undefined =>
  error instanceof ActivityFailure && error.cause instanceof ApplicationFailure
    ? (error.cause.type ?? undefined)
    : undefined;

export const isHeld = (error: unknown): boolean => error instanceof WorkflowExecutionAlreadyStartedError;

/** The innermost message, which is the one that names server, setting or shard. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const wraps = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure;
  if (error.cause instanceof Error && (wraps || error instanceof TimeoutFailure)) return reason(error.cause);
  if (error instanceof TimeoutFailure) return `no answer in time (${error.timeoutType ?? 'timeout'})`;
  return error.message;
}
