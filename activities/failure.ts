import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, TemporalFailure } from '@temporalio/common';
import { isDataError, pgErrorFields } from '../clients/postgres/errors.js';
import { ClickstreamError } from '../domain/errors.js';
import { hideSecretsIn } from '../domain/secrets.js';

/**
 * An error as Temporal shall show and judge it: `type` is the error's code, and only what a retry can help is
 * retried. PostgreSQL quotes values in the messages of data errors, and a value of an event never goes to
 * Temporal: of those only the SQLSTATE and the names are told. No password of an address does either.
 */
function toFailure(e: unknown): Error {
  if (e instanceof TemporalFailure) return e;
  if (e instanceof ClickstreamError)
    return ApplicationFailure.create({
      message: hideSecretsIn(e.message),
      type: e.code,
      nonRetryable: !e.retryable,
    });
  const pg = pgErrorFields(e);
  if (pg !== undefined) {
    const where = [pg.table, pg.column, pg.constraint].filter((part) => part !== undefined).join('.');
    const message = isDataError(e)
      ? `PostgreSQL refused data: SQLSTATE ${pg.sqlState}${where && ` at ${where}`}`
      : `PostgreSQL: ${hideSecretsIn((e as Error).message)} (${pg.sqlState})`;
    return ApplicationFailure.create({ message, type: `PostgreSQL.${pg.sqlState}` });
  }
  const error = e instanceof Error ? e : new Error(String(e));
  return ApplicationFailure.create({ message: hideSecretsIn(error.message), type: error.name });
}

/**
 * Wraps an activity so that every error leaves it as a failure with a type. What ends because the activity was
 * cancelled leaves as a CancelledFailure, whatever the aborted call threw.
 */
export function wrapActivity<I, O>(run: (input: I) => Promise<O>): (input: I) => Promise<O> {
  return async (input) => {
    try {
      return await run(input);
    } catch (e) {
      const context = Context.current();
      if (context.cancellationSignal.aborted && !(e instanceof CancelledFailure)) await context.cancelled;
      throw toFailure(e);
    }
  };
}
