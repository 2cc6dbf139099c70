/** What stops a server from coming up, said so that a person can act on it. */
import { ClickstreamError } from '../domain/errors.js';

/** The machine lacks something, or a server did not start: the message says what, and where to look. */
export class SetUpFailed extends ClickstreamError {
  readonly code = 'SetUpFailed';
  readonly retryable = false;
}
