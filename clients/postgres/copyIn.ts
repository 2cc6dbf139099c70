import type { Socket } from 'node:net';
import type pg from 'pg';

/** What pg hands to a query of one's own. */
interface Connection {
  readonly stream: Socket;
  query(text: string): void;
  sendCopyFail(message: string): void;
}

const COPY_DATA = 0x64;
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]);

/**
 * `COPY … FROM STDIN`, fed with chunks whose memory may be used again once the chunk after the next is asked for: while
 * one is on its way, the next is read. Nothing is copied on the way to the socket.
 */
export class CopyIn implements pg.Submittable {
  /** Resolves when PostgreSQL has taken all; rejects with its error, or with that of the chunks. */
  readonly done: Promise<void>;
  private resolve: () => void = () => undefined;
  private reject: (e: unknown) => void = () => undefined;
  private over = false;
  /** Why there are no more chunks. */
  private broken: { readonly cause: unknown } | undefined;

  constructor(
    private readonly sql: string,
    private readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  submit(connection: pg.Connection): void {
    (connection as unknown as Connection).query(this.sql);
  }

  handleCopyInResponse(connection: Connection): void {
    this.send(connection.stream).then(
      () => this.over || connection.stream.write(COPY_DONE),
      (cause: unknown) => {
        if (this.over) return;
        this.broken = { cause };
        connection.sendCopyFail('the rows cannot be read');
      },
    );
  }

  /** PostgreSQL passes over what still comes after its error, so nothing more is sent. */
  handleError(error: unknown): void {
    this.over = true;
    this.callback();
    this.reject(this.broken === undefined ? error : this.broken.cause);
  }

  handleReadyForQuery(): void {
    this.over = true;
    this.callback();
    this.resolve();
  }

  handleCommandComplete(): void {
    // How many rows it were is known already.
  }

  /** pg puts the end of its own time-out there, where one is set. */
  callback(): void {
    // Without one there is nothing to end.
  }

  private async send(socket: Socket): Promise<void> {
    let sent: Promise<void> = Promise.resolve();
    for await (const chunk of this.chunks) {
      await sent;
      if (this.over) return;
      sent = write(socket, chunk);
      // Looked at with the next chunk, or at the end.
      sent.catch(() => undefined);
    }
    await sent;
  }
}

/** Sends one CopyData message. */
function write(socket: Socket, chunk: Uint8Array): Promise<void> {
  const head = Buffer.allocUnsafe(5);
  head[0] = COPY_DATA;
  head.writeInt32BE(chunk.length + 4, 1);
  return new Promise((resolve, reject) => {
    socket.cork();
    socket.write(head);
    socket.write(chunk, (e) => {
      if (e) reject(e);
      else resolve();
    });
    socket.uncork();
  });
}
