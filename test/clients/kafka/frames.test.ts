import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FrameMemory, Frames } from '../../../clients/kafka/frames.js';

const frame = (size: number, fill: number): Buffer => {
  const bytes = Buffer.alloc(4 + size, fill);
  bytes.writeInt32BE(size);
  return bytes;
};

/** Lets bytes arrive in parts of at most `step`. @returns what is passed on */
function read(bytes: Buffer, step: number, memory = new FrameMemory()): Buffer[] {
  const passed: Buffer[] = [];
  const frames = new Frames(memory, (one) => passed.push(one));
  for (let at = 0; at < bytes.length;) {
    const arrived = bytes.copy(frames.room(), 0, at, at + step);
    at += arrived;
    frames.arrived(arrived);
  }
  return passed;
}

describe('responses are passed on whole', () => {
  test('of any sizes, in whatever parts they arrive', () => {
    const size = fc.oneof(fc.nat(20), fc.nat(200_000), fc.constantFrom(0, 65_532, 65_533, 1_048_576));
    fc.assert(
      fc.property(fc.array(size, { maxLength: 8 }), fc.integer({ min: 1, max: 300_000 }), (sizes, step) => {
        const sent = sizes.map((bytes, i) => frame(bytes, i + 1));
        const all = Buffer.concat(sent);
        const parts = read(all, Math.max(step, Math.ceil(all.length / 5000)));
        assert.deepEqual(
          parts.map((part) => part.length),
          sent.map((part) => part.length),
        );
        assert.ok(Buffer.concat(parts).equals(all));
      }),
      { numRuns: 200 },
    );
  });

  test('the very large in memory of their own', () => {
    const sent = [frame(3_000_000, 7), frame(5, 8)];
    const passed = read(Buffer.concat(sent), 100_000);
    assert.deepEqual(passed, sent);
    assert.equal(passed[0]?.buffer.byteLength, 3_000_004);
  });

  test('but for what is no length, which comes in pieces', () => {
    const noKafka = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), Buffer.alloc(100_000, 1)]);
    assert.ok(Buffer.concat(read(noKafka, 7_000)).equals(noKafka));
  });

  test('memory is used again only when it was given back, and once', () => {
    const memory = new FrameMemory();
    const [first, second] = [memory.take(1_000_000), memory.take(1_000_000)];
    assert.notEqual(first.buffer, second.buffer);
    memory.giveBack(first.buffer);
    memory.giveBack(first.buffer);
    memory.giveBack(Buffer.alloc(10).buffer);
    const [third, fourth] = [memory.take(70_000), memory.take(70_000)];
    assert.equal(third.buffer, first.buffer);
    assert.notEqual(fourth.buffer, first.buffer);
  });
});
