import { Code, type ConnectError } from '@connectrpc/connect';
import { ClickstreamError } from '../../domain/errors.js';
import { errorInfo } from './errorDetails.js';

/** Spark ran the query and it failed by itself: the same query would fail again. */
export class SparkQueryFailed extends ClickstreamError {
  readonly code = 'SparkQueryFailed';
  readonly retryable = false;
  constructor(
    /** Spark's error class, such as `TABLE_OR_VIEW_NOT_FOUND`; '' where it named none. */
    readonly errorClass: string,
    /** Such as `42P01`; '' where it named none. */
    readonly sqlState: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** A query asks for a column whose values would arrive as something else: write it otherwise. */
export class SparkColumnRefused extends ClickstreamError {
  readonly code = 'SparkColumnRefused';
  readonly retryable = false;
  constructor(
    /** Its name, with the path inside of structs; '' where it is about the whole batch. */
    readonly column: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** The server does not know the operation (it never arrived, or is over), or not even the session. */
export const isHandleUnknown = (e: ConnectError): boolean =>
  ['INVALID_HANDLE.OPERATION_NOT_FOUND', 'INVALID_HANDLE.SESSION_NOT_FOUND'].includes(
    errorInfo(e).errorClass,
  );

export const isOperationThere = (e: ConnectError): boolean =>
  errorInfo(e).errorClass === 'INVALID_HANDLE.OPERATION_ALREADY_EXISTS';

/** Everything the session held (temporary views, settings) is gone: the server restarted or timed it out. */
export const isSessionGone = (e: ConnectError): boolean =>
  /^(INVALID_HANDLE\.SESSION_(CHANGED|CLOSED|NOT_FOUND)|SESSION_NOT_SAME)$/.test(errorInfo(e).errorClass);

/**
 * The connection broke and the operation may live on: reattach. A killed server shows as Canceled, the code of a
 * local abort, so the caller asks its own signal first.
 */
export const isConnectionLost = (e: ConnectError): boolean =>
  errorInfo(e).errorClass === '' &&
  ([Code.Unavailable, Code.Canceled, Code.DeadlineExceeded, Code.Aborted, Code.Unknown].includes(e.code) ||
    // A server's ENHANCE_YOUR_CALM: it took pings for too many.
    (e.code === Code.ResourceExhausted && /http\/2/i.test(e.rawMessage)) ||
    (e.code === Code.Internal &&
      /http\/?2|stream (closed|reset)|protocol error|RST_STREAM|GOAWAY|premature/i.test(e.rawMessage)));
