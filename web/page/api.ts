/** The page's requests. */
import type * as z from 'zod/mini';
import { failure } from '../view/answers.js';

/** What went wrong, for people; its source decides what the page offers. */
export class Problem extends Error {
  /** `request`: the address asks for what there is not, and asking again helps nothing. */
  constructor(
    readonly source: 'page server' | 'request' | 'server',
    message: string,
  ) {
    super(message);
  }
}

/**
 * GETs and checks an answer. Rejects with a `Problem`, or with the signal's reason when it is aborted.
 * @param address Relative to the page.
 */
export async function get<T>(address: string, schema: z.ZodMiniType<T>, signal: AbortSignal): Promise<T> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(address, { signal, headers: { accept: 'application/json' } });
    body = await response.json().catch((error: unknown) => {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    });
  } catch {
    signal.throwIfAborted();
    throw new Problem(
      'page server',
      'The server of this page does not answer. Is `clickstream web` still running?',
    );
  }
  if (!response.ok) {
    const told = failure.safeParse(body);
    const message = told.success
      ? told.data.error.message
      : `The server answered with status ${response.status}.`;
    throw new Problem(response.status < 500 ? 'request' : 'server', message);
  }
  const answer = schema.safeParse(body);
  if (!answer.success) {
    const where = answer.error.issues[0]?.path.join('.');
    throw new Problem(
      'server',
      `The server's answer is not one that this page can read${where ? ` (${where})` : ''}. Reload the page: it may be older than the server.`,
    );
  }
  return answer.data;
}
