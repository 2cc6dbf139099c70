import type { ConnectError } from '@connectrpc/connect';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** What Spark tells beside a message, out of the google.rpc.ErrorInfo that comes with it; '' where it told nothing. */
export interface SparkErrorInfo {
  /** Such as `TABLE_OR_VIEW_NOT_FOUND` or `INVALID_HANDLE.SESSION_CHANGED`. */
  readonly errorClass: string;
  /** Five characters, such as `42P01`. */
  readonly sqlState: string;
  /** By which `fetchErrorDetails` tells the causes. */
  readonly errorId: string;
}

export function errorInfo(e: ConnectError): SparkErrorInfo {
  const told = metadata(e);
  return {
    // Errors before a session is found come without details.
    errorClass: told.get('errorClass') ?? /^\[([A-Z][A-Z0-9_.]+)\]/.exec(e.rawMessage)?.[1] ?? '',
    sqlState: told.get('sqlState') ?? /SQLSTATE: ([0-9A-Z]{5})\b/.exec(e.rawMessage)?.[1] ?? '',
    errorId: told.get('errorId') ?? '',
  };
}

/** ErrorInfo's field 3, `map<string, string> metadata`; a message that cannot be read has none. */
function metadata(e: ConnectError): Map<string, string> {
  const found = new Map<string, string>();
  for (const detail of e.details) {
    if (!('type' in detail) || detail.type !== 'google.rpc.ErrorInfo') continue;
    try {
      forEachField(detail.value, (number, bytes) => {
        if (number !== 3) return;
        const entry = ['', ''];
        forEachField(bytes, (part, text) => (entry[part - 1] = Buffer.from(text).toString('utf8')));
        found.set(entry[0] ?? '', entry[1] ?? '');
      });
    } catch {
      // The message alone has to do.
    }
  }
  return found;
}

/** Visits the length-delimited fields of a message. */
function forEachField(message: Uint8Array, visit: (number: number, bytes: Uint8Array) => void): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited) visit(number, reader.bytes());
    else reader.skip(type, number);
  }
}
