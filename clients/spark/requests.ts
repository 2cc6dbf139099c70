import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ExecutePlanRequestSchema,
  type ExecutePlanRequest,
  type ExecutePlanResponse_ExecutionProgress,
  type PlanSchema,
} from './gen/spark/connect/base_pb.js';

export type PlanInit = MessageInitShape<typeof PlanSchema>;

/** Who asks, as every request says it. */
export interface RequestIds {
  readonly sessionId: string;
  readonly userContext: { readonly userId: string; readonly userName: string };
  readonly clientType: string;
  readonly clientObservedServerSideSessionId?: string;
}

/** A plan to execute under an id of ours, by which it can be reattached to after its stream broke. */
export const executeRequest = (
  ids: RequestIds,
  operationId: string,
  plan: PlanInit,
  tags: readonly string[],
): ExecutePlanRequest =>
  create(ExecutePlanRequestSchema, {
    ...ids,
    operationId,
    plan,
    tags: [...tags],
    requestOptions: [{ requestOption: { case: 'reattachOptions', value: { reattachable: true } } }],
  });

/** How far Spark is with what it runs. Over JDBC it counts no rows. */
export interface SparkProgress {
  readonly stages: number;
  readonly stagesDone: number;
  readonly tasks: number;
  readonly tasksDone: number;
}

export const progressOf = ({ stages }: ExecutePlanResponse_ExecutionProgress): SparkProgress => ({
  stages: stages.length,
  stagesDone: stages.filter((stage) => stage.done).length,
  tasks: stages.reduce((sum, stage) => sum + Number(stage.numTasks), 0),
  tasksDone: stages.reduce((sum, stage) => sum + Number(stage.numCompletedTasks), 0),
});
