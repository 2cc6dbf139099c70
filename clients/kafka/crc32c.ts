/** CRC-32C (Castagnoli), as record batches carry it; eight bytes a step ("slicing by 8"). */
const POLYNOMIAL = 0x82f63b78;

const TABLES: readonly Int32Array[] = (() => {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  const at = (t: number): Int32Array => tables[t] ?? new Int32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    at(0)[n] = c;
  }
  for (let n = 0; n < 256; n++)
    for (let t = 1; t < 8; t++) {
      const before = at(t - 1)[n] ?? 0;
      at(t)[n] = (before >>> 8) ^ (at(0)[before & 255] ?? 0);
    }
  return tables;
})();

const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as unknown as readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** Unsigned checksum of `bytes`; `before` continues an earlier one. */
export function crc32c(bytes: Buffer, before = 0): number {
  let c = ~before;
  let i = 0;
  const n = bytes.length;
  // Table indexes are bytes, so every look-up is inside its table.
  for (; i + 8 <= n; i += 8) {
    const low = bytes.readInt32LE(i) ^ c;
    const high = bytes.readInt32LE(i + 4);
    c =
      (T7[low & 255] as number) ^
      (T6[(low >>> 8) & 255] as number) ^
      (T5[(low >>> 16) & 255] as number) ^
      (T4[low >>> 24] as number) ^
      (T3[high & 255] as number) ^
      (T2[(high >>> 8) & 255] as number) ^
      (T1[(high >>> 16) & 255] as number) ^
      (T0[high >>> 24] as number);
  }
  for (; i < n; i++) c = (T0[(c ^ (bytes[i] as number)) & 255] as number) ^ (c >>> 8);
  return ~c >>> 0;
}
