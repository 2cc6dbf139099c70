/** Lines of a file or of stdin, plain or gzip, in bounded memory. */
import { createReadStream } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { UsageError } from '../../domain/errors.js';
import { isUnreadable, whyUnreadable } from './unreadable.js';

/** How messages name it. */
export const shownFile = (file: string): string => (file === '-' ? 'stdin' : file);

/** A file without line ends must not fill the memory. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;
const LF = 10;

/**
 * Each line's bytes without its LF; a last line needs none. The bytes are the caller's to keep.
 * @param file A path, or `-` for `stdin`. Gzip (several members, too) is recognised by its first bytes.
 * @throws UsageError naming the file, and the line that is too long; the signal's reason as soon as it aborts
 */
export async function* readLines(
  file: string,
  options: { readonly stdin?: Readable; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Buffer> {
  const shown = shownFile(file);
  const source = file === '-' ? (options.stdin ?? process.stdin) : createReadStream(file);
  // A pipe may stay open and silent for ever.
  if (options.signal !== undefined) addAbortSignal(options.signal, source);
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let line = 1;
  try {
    for await (const chunk of decompressed(source)) {
      options.signal?.throwIfAborted();
      let from = 0;
      for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, from)) {
        yield Buffer.concat([...pending, chunk.subarray(from, end)]);
        pending = [];
        pendingBytes = 0;
        line += 1;
        from = end + 1;
      }
      if (from === chunk.length) continue;
      pending.push(chunk.subarray(from));
      pendingBytes += chunk.length - from;
      if (pendingBytes > MAX_LINE_BYTES) {
        throw new UsageError(`${shown}: line ${line}: expected at most ${MAX_LINE_BYTES} bytes, got more`);
      }
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    throw explained(shown, error);
  }
  if (pendingBytes > 0) yield Buffer.concat(pending);
}

async function* decompressed(source: Readable): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>;
  let first: Buffer = Buffer.alloc(0);
  let done = false;
  while (first.length < 2 && !done) {
    const next = await chunks.next();
    done = next.done === true;
    if (next.done !== true) first = Buffer.concat([first, Buffer.from(next.value)]);
  }
  const rest = async function* (): AsyncGenerator<Buffer> {
    if (first.length > 0) yield first;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      yield Buffer.from(next.value);
    }
  };
  if (first[0] !== 0x1f || first[1] !== 0x8b) {
    yield* rest();
    return;
  }
  const { Readable: Stream } = await import('node:stream');
  const gunzip = createGunzip();
  const input = Stream.from(rest());
  // An error of the file must reach the reader of the decompressed bytes.
  input.on('error', (error) => gunzip.destroy(error));
  for await (const chunk of input.pipe(gunzip)) yield chunk as Buffer;
}

function explained(file: string, error: unknown): unknown {
  if (isUnreadable(error))
    return new UsageError(`${file}: expected a readable file, got ${whyUnreadable(error)}`, { cause: error });
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  return code.startsWith('Z_')
    ? new UsageError(`${file}: expected gzip, got a damaged or cut-off file`, { cause: error })
    : error;
}
