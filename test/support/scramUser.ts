/** A user who logs in by SCRAM, as `kafka-configs --add-config SCRAM-…` makes one; kafkajs has no such request. */
import assert from 'node:assert/strict';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const MECHANISMS = {
  'scram-sha-256': { id: 1, digest: 'sha256', bytes: 32 },
  'scram-sha-512': { id: 2, digest: 'sha512', bytes: 64 },
} as const;
export type ScramMechanism = keyof typeof MECHANISMS;

const ALTER_USER_SCRAM_CREDENTIALS = 51;
const ITERATIONS = 4096;
const NO_TAGS = Buffer.from([0]);

const int8 = (n: number): Buffer => Buffer.from([n]);
const int16 = (n: number): Buffer => Buffer.from([n >> 8, n & 0xff]);
const int32 = (n: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(n);
  return bytes;
};
/** Kafka's compact form; a length of up to 126 is one byte. */
const compact = (bytes: Buffer): Buffer => Buffer.concat([int8(bytes.length + 1), bytes]);

/** @param broker `host:port` of a listener that asks for no login */
export async function addScramUser(
  broker: string,
  user: { readonly mechanism: ScramMechanism; readonly name: string; readonly password: string },
): Promise<void> {
  const { id, digest, bytes } = MECHANISMS[user.mechanism];
  const salt = randomBytes(16);
  const credential = [
    compact(Buffer.from(user.name)),
    int8(id),
    int32(ITERATIONS),
    compact(salt),
    compact(pbkdf2Sync(user.password, salt, ITERATIONS, bytes, digest)),
    NO_TAGS,
  ];
  const request = Buffer.concat([
    ...[int16(ALTER_USER_SCRAM_CREDENTIALS), int16(0), int32(1), int16(-1), NO_TAGS],
    // None to delete, one to set.
    ...[int8(1), int8(2), ...credential, NO_TAGS],
  ]);
  const answer = await ask(broker, Buffer.concat([int32(request.length), request]));
  // Correlation, tags, throttle time, one result: the user, the error code.
  const results = 4 + 1 + 4;
  assert.equal(answer[results], 2, answer.toString('hex'));
  assert.equal(answer.readInt16BE(results + 2 + Buffer.byteLength(user.name)), 0, answer.toString('latin1'));
}

/** One request, its answer without the length in front. */
async function ask(broker: string, framed: Buffer): Promise<Buffer> {
  const [host, port] = broker.split(':');
  const socket = connect({ host, port: Number(port) });
  try {
    socket.write(framed);
    let got = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      got = Buffer.concat([got, chunk]);
      if (got.length >= 4 && got.length >= 4 + got.readInt32BE(0)) return got.subarray(4);
    }
    throw new Error(`${broker} closed the connection without an answer`);
  } finally {
    socket.destroy();
  }
}
