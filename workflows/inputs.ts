/** What a caller hands to a workflow, checked by name: a misspelt field must not pass for a wish that was heard. */
import { ApplicationFailure } from '@temporalio/workflow';

/** The caller's mistake: fails the run at once. */
export const usage = (message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, 'Usage');

/**
 * The argument of a workflow, `{}` where there is none.
 * @throws a `Usage` failure for anything but an object, and for a field that the workflow does not know
 */
export function knownInput<T extends object>(
  workflow: string,
  input: T | null | undefined,
  fields: readonly (keyof T & string)[],
): T | Record<string, never> {
  if (input === undefined || input === null) return {};
  if (typeof input !== 'object' || Array.isArray(input))
    throw usage(`${workflow}: expected an object such as {}, got ${JSON.stringify(input)}`);
  const unknown = Object.keys(input).filter((field) => !(fields as readonly string[]).includes(field));
  if (unknown.length > 0)
    throw usage(
      `${workflow}: unknown ${unknown.length === 1 ? 'field' : 'fields'} ${unknown.map((field) => JSON.stringify(field)).join(', ')}; ` +
        (fields.length === 0 ? 'it takes {}' : `it knows ${fields.join(', ')}`),
    );
  return input;
}
