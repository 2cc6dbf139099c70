import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ExecutePlanRequest, ExecutePlanResponse } from './gen/spark/connect/base_pb.js';
import type { SparkConnection, SparkPatience } from './connection.js';
import { isConnectionLost, isHandleUnknown, isOperationThere } from './errors.js';
import { watchSilence } from './silence.js';

/** Reattaching backs off 0.2, 0.4 … 6.4 s: about 13 s in all, the time that a proxy or a network blip takes. */
const REATTACH_ATTEMPTS = 6;
const backOffMs = (failures: number): number => 100 * 2 ** failures;
/** A stream that ends so soon without a word was no turn of the server's, which come after 2 min. */
const TOO_SOON_MS = 1_000;
/** How many responses the server keeps for a reattach before we tell it to drop them. */
const RELEASE_EVERY = 16;
const RELEASE_MS = 5_000;
/** An operation that was aborted at once may arrive behind its interrupt: so often we look again, every 200 ms. */
const LATE_ARRIVALS = 5;
const LATE_ARRIVAL_MS = 200;

/** What the session lends to the execution of one plan. */
export interface Execution {
  readonly connection: SparkConnection;
  readonly request: ExecutePlanRequest;
  readonly patience: SparkPatience;
  readonly signal: AbortSignal | undefined;
  /** Interrupts the operation; false where the server knows of none that runs. */
  readonly interrupt: () => Promise<boolean>;
  /** Resolves when the server answers. */
  readonly probe: () => Promise<void>;
  /** Sees the server's side of the session in each response. */
  readonly observe: (response: ExecutePlanResponse) => void;
}

/**
 * Executes a plan and yields every response once, in order, whatever becomes of the streams in between.
 *
 * A stream that ends or breaks before `resultComplete` is reattached behind the last response seen. "Not found"
 * before any response means that the request never arrived (execute it); afterwards the server has lost it.
 * What is not read to its end is interrupted, since ending the stream leaves the job running; an abort interrupts at
 * once, even while the reader is busy with a response.
 */
export async function* executeResponses(
  execution: Execution,
): AsyncGenerator<ExecutePlanResponse, void, undefined> {
  const { connection, request, patience, signal } = execution;
  const { rpc } = connection;
  const ids = idsOf(request);
  const release = (lastResponse?: string): Promise<unknown> =>
    rpc
      .releaseExecute(
        {
          ...ids,
          release: lastResponse
            ? { case: 'releaseUntil', value: { responseId: lastResponse } }
            : { case: 'releaseAll', value: {} },
        },
        { timeoutMs: RELEASE_MS },
      )
      // Nothing hangs on it: the server drops abandoned operations by itself.
      .catch(() => undefined);

  let last: string | undefined;
  let attach = false;
  let failures = 0;
  let unreleased = 0;
  let over = false;
  let ending: Promise<void> | undefined;
  const end = (): Promise<void> => (ending ??= endOperation(execution, () => last !== undefined));
  /** Of the stream that is read. */
  let stream = new AbortController();
  const onAbort = (): void => {
    void end();
    stream.abort(signal?.reason);
  };
  signal?.addEventListener('abort', onAbort);
  const backOff = async (error: unknown): Promise<void> => {
    failures += 1;
    if (failures > REATTACH_ATTEMPTS) throw error;
    await sleep(backOffMs(failures), undefined, signal && { signal });
  };

  try {
    while (!over) {
      const silence = watchSilence(patience.silenceMs, {
        probe: execution.probe,
        alive: () => (failures = 0),
        lost: connection.reset,
      });
      const began = Date.now();
      const before = last;
      stream = new AbortController();
      try {
        signal?.throwIfAborted();
        const options = { signal: stream.signal };
        const responses = attach
          ? rpc.reattachExecute({ ...ids, ...(last !== undefined && { lastResponseId: last }) }, options)
          : rpc.executePlan(request, options);
        for await (const response of responses) {
          silence.pause();
          execution.observe(response);
          failures = 0;
          last = response.responseId;
          if (response.responseType.case === 'resultComplete') {
            over = true;
            break;
          }
          yield response;
          if (++unreleased >= RELEASE_EVERY) {
            unreleased = 0;
            await release(last);
          }
          silence.resume();
        }
        attach = true;
        if (!over && last === before && Date.now() - began < TOO_SOON_MS)
          throw new ConnectError('the stream ended without a response', Code.Unavailable);
      } catch (e) {
        signal?.throwIfAborted();
        if (!(e instanceof ConnectError)) throw e;
        if (isOperationThere(e)) attach = true;
        else if (attach && last === undefined && isHandleUnknown(e)) attach = false;
        else if (isConnectionLost(e)) attach = true;
        else {
          // The server's own word about the operation: there is nothing left to interrupt.
          over = true;
          throw e;
        }
        await backOff(e);
      } finally {
        silence.stop();
        // Of a stream that is not read to its end the transport would listen to its signal for good.
        stream.abort();
      }
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (!over) await end();
    await release();
  }
}

function idsOf(request: ExecutePlanRequest) {
  const { sessionId, userContext, clientType, clientObservedServerSideSessionId, operationId = '' } = request;
  return {
    sessionId,
    operationId,
    ...(userContext && { userContext }),
    ...(clientType && { clientType }),
    ...(clientObservedServerSideSessionId && { clientObservedServerSideSessionId }),
  };
}

/** Interrupts until the server has heard it, or cannot be reached twice: a server that is gone runs nothing. */
async function endOperation(execution: Execution, arrived: () => boolean): Promise<void> {
  let unheard = 0;
  for (let look = 0; look < LATE_ARRIVALS; look += 1) {
    try {
      if ((await execution.interrupt()) || arrived()) return;
    } catch {
      unheard += 1;
      if (unheard > 1) return;
    }
    await sleep(LATE_ARRIVAL_MS);
  }
}
