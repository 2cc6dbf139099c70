import type * as z from 'zod/mini';
import { useEffect, useState } from 'preact/hooks';
import { get, Problem } from './api.js';

export interface Answered<T> {
  /** The last answer there was; it may be of an earlier request. */
  readonly answer?: T;
  /** When that came, in ms since 1970. */
  readonly at?: number;
  readonly loading: boolean;
  readonly problem?: Problem;
}

/**
 * The answer to a request, asked again when the request or `attempt` changes; the request before is cancelled.
 * Until another answer is there, and when none comes, the old one stays.
 */
export function useAnswer<T>(request: string, schema: z.ZodMiniType<T>, attempt: number): Answered<T> {
  const [state, setState] = useState<Answered<T>>({ loading: true });
  useEffect(() => {
    const aborter = new AbortController();
    setState((old) => ({ ...old, loading: true }));
    get(request, schema, aborter.signal).then(
      (answer) => setState({ answer, at: Date.now(), loading: false }),
      (error: unknown) => {
        if (aborter.signal.aborted) return;
        const problem = error instanceof Problem ? error : new Problem('server', String(error));
        setState((old) => ({ ...old, loading: false, problem }));
      },
    );
    return () => aborter.abort();
  }, [request, schema, attempt]);
  return state;
}
