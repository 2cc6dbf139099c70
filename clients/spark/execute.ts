import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectError, type Client } from '@connectrpc/connect';
import type {
  ExecutePlanRequest,
  ExecutePlanResponse,
  SparkConnectService,
} from './gen/spark/connect/base_pb.js';
import { isConnectionLost, isHandleUnknown, isOperationThere } from './errors.js';

export type SparkRpc = Client<typeof SparkConnectService>;

/** The server ends a stream after 2 min at the latest; one that is silent for longer hangs. */
const SILENCE_MS = 150_000;
const UNARY_MS = 15_000;
/** Reattaching backs off 0.2, 0.4 … 3.2 s: about 6 s in all, the time a proxy or a network blip takes. */
const REATTACH_ATTEMPTS = 6;
/** How many responses the server keeps for a reattach before we tell it to drop them. */
const RELEASE_EVERY = 16;

/**
 * Executes a plan and yields every response once, in order, whatever becomes of the streams in between.
 *
 * A stream that ends or breaks before `resultComplete` is reattached behind the last response seen. "Not found"
 * before any response means that the request never arrived (execute it); afterwards the server has lost it.
 * What is not read to its end is interrupted, since ending the stream leaves the job running.
 */
export async function* executeResponses(
  rpc: SparkRpc,
  request: ExecutePlanRequest,
  signal: AbortSignal | undefined,
  interrupt: () => Promise<void>,
): AsyncGenerator<ExecutePlanResponse, void, undefined> {
  const { sessionId, userContext, clientType, clientObservedServerSideSessionId, operationId = '' } = request;
  const ids = {
    sessionId,
    operationId,
    ...(userContext && { userContext }),
    ...(clientType && { clientType }),
  };
  const observed = { ...(clientObservedServerSideSessionId && { clientObservedServerSideSessionId }) };
  const release = (lastResponse?: string): Promise<unknown> =>
    rpc
      .releaseExecute(
        {
          ...ids,
          release: lastResponse
            ? { case: 'releaseUntil', value: { responseId: lastResponse } }
            : { case: 'releaseAll', value: {} },
        },
        { timeoutMs: UNARY_MS },
      )
      // Nothing hangs on it: the server drops abandoned operations by itself.
      .catch(() => undefined);

  let last: string | undefined;
  let attach = false;
  let failures = 0;
  let unreleased = 0;
  let complete = false;
  try {
    while (!complete) {
      const silence = new AbortController();
      const streamSignal = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
      let watch = setTimeout(() => silence.abort(), SILENCE_MS);
      try {
        const stream = attach
          ? rpc.reattachExecute(
              { ...ids, ...observed, ...(last !== undefined && { lastResponseId: last }) },
              { signal: streamSignal },
            )
          : rpc.executePlan(request, { signal: streamSignal });
        for await (const response of stream) {
          clearTimeout(watch);
          failures = 0;
          last = response.responseId;
          if (response.responseType.case === 'resultComplete') {
            complete = true;
            break;
          }
          yield response;
          if (++unreleased >= RELEASE_EVERY) {
            unreleased = 0;
            await release(last);
          }
          watch = setTimeout(() => silence.abort(), SILENCE_MS);
        }
        attach = true;
      } catch (e) {
        signal?.throwIfAborted();
        const error = ConnectError.from(e);
        if (isOperationThere(error)) attach = true;
        else if (attach && last === undefined && isHandleUnknown(error)) attach = false;
        else if (isConnectionLost(error)) attach = true;
        else throw error;
        if (++failures > REATTACH_ATTEMPTS) throw error;
        await sleep(100 * 2 ** failures, undefined, signal && { signal });
      } finally {
        clearTimeout(watch);
      }
    }
  } finally {
    if (!complete) await interrupt();
    await release();
  }
}
