/**
 * Kafka's responses read whole, each behind its length, into memory that is used again. As kafkajs reads them, each
 * byte of a fetch lands in fresh memory twice, and collecting that costs more than decoding what is in it.
 */
import net from 'node:net';
import tls from 'node:tls';

const LENGTH = 4;
/** Small responses are read together. */
const SCRATCH = 64 * 1024;
/** What a fetch of 1 MiB comes in; a larger response gets memory of its own. */
const CAPACITY = 1024 * 1024 + 64 * 1024;
/** A length beyond this is none, as when a server of another kind answers: then the bytes are passed on as they arrive. */
const MAX_FRAME = 256 * 1024 * 1024;
/** Of memory that nobody uses; more is left to the garbage collector. */
const MAX_FREE = 4;
const KEEP_ALIVE_MS = 60_000;

/** The memory of large responses that were given back. */
export class FrameMemory {
  private readonly free: ArrayBufferLike[] = [];

  take(bytes: number): Buffer {
    if (bytes <= SCRATCH || bytes > CAPACITY) return Buffer.allocUnsafeSlow(bytes);
    return Buffer.from(this.free.pop() ?? new ArrayBuffer(CAPACITY), 0, bytes);
  }

  /** @param memory that something of what `take` gave lies in; nobody may read it any more */
  giveBack(memory: ArrayBufferLike): void {
    const ours = memory.byteLength === CAPACITY && !this.free.includes(memory);
    if (ours && this.free.length < MAX_FREE) this.free.push(memory);
  }
}

/** Puts together what arrives on one connection. */
export class Frames {
  private readonly scratch = Buffer.allocUnsafeSlow(SCRATCH);
  /** Bytes in front of the scratch that are less than a length. */
  private held = 0;
  private frame: Buffer | undefined;
  private filled = 0;
  /** Bytes to come of a response that is passed on in pieces. */
  private through = 0;

  constructor(
    private readonly memory: FrameMemory,
    private readonly pass: (frame: Buffer) => void,
  ) {}

  /** Where the next bytes are to be read to. */
  room(): Buffer {
    return this.frame === undefined ? this.scratch.subarray(this.held) : this.frame.subarray(this.filled);
  }

  /** So many bytes were read to where `room` said. */
  arrived(bytes: number): void {
    if (this.frame === undefined) {
      this.sort(this.held + bytes);
      return;
    }
    this.filled += bytes;
    if (this.filled < this.frame.length) return;
    const whole = this.frame;
    this.frame = undefined;
    this.pass(whole);
  }

  /** Cuts what is in the scratch into responses. */
  private sort(end: number): void {
    const { scratch } = this;
    let at = 0;
    while (end - at >= LENGTH || (this.through > 0 && end > at)) {
      if (this.through > 0) {
        const piece = scratch.subarray(at, Math.min(end, at + this.through));
        this.through -= piece.length;
        at += piece.length;
        this.pass(Buffer.from(piece));
        continue;
      }
      const size = LENGTH + scratch.readInt32BE(at);
      if (size < LENGTH || size > MAX_FRAME) {
        // Whatever speaks no Kafka is kafkajs's to refuse.
        this.through = size < LENGTH ? Infinity : size;
        continue;
      }
      const frame = this.memory.take(size);
      const part = scratch.copy(frame, 0, at, Math.min(end, at + size));
      at += part;
      if (part < size) {
        this.frame = frame;
        this.filled = part;
        this.held = 0;
        return;
      }
      this.pass(frame);
    }
    scratch.copyWithin(0, at, end);
    this.held = end - at;
  }
}

/** What kafkajs connects with. */
export type SocketFactory = (to: {
  readonly host: string;
  readonly port: number;
  readonly ssl: tls.ConnectionOptions | undefined;
  readonly onConnect: () => void;
}) => net.Socket;

export const framingSockets =
  (memory: FrameMemory): SocketFactory =>
  ({ host, port, ssl, onConnect }) => {
    const frames = new Frames(memory, (frame) => socket.emit('data', frame));
    const onread = {
      buffer: () => frames.room(),
      callback: (bytes: number) => {
        frames.arrived(bytes);
        return true;
      },
    };
    const to = { host, port, onread };
    const servername = net.isIP(host) === 0 ? { servername: host } : {};
    const socket: net.Socket = ssl
      ? tls.connect({ ...to, ...servername, ...ssl }, onConnect)
      : net.connect(to, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    return socket;
  };
