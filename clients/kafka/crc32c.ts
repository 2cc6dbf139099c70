/** CRC-32C (Castagnoli), as record batches carry it; sixteen bytes a step ("slicing by 16"). */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 16;

/** 256 entries a slice, one slice after the other: the first of the last byte of a step. */
const TABLE = (() => {
  const table = new Int32Array(SLICES * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    table[n] = c;
  }
  for (let i = 256; i < table.length; i++) {
    const before = table[i - 256] ?? 0;
    table[i] = (before >>> 8) ^ (table[before & 255] ?? 0);
  }
  return table;
})();

/** Unsigned checksum of `bytes`; `before` continues an earlier one. */
export function crc32c(bytes: Buffer, before = 0): number {
  const t = TABLE;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let c = ~before;
  let i = 0;
  const n = bytes.length;
  // Table indexes are a byte and a slice, so every look-up is inside the table.
  for (; i + 16 <= n; i += 16) {
    const w0 = view.getInt32(i, true) ^ c;
    const w1 = view.getInt32(i + 4, true);
    const w2 = view.getInt32(i + 8, true);
    const w3 = view.getInt32(i + 12, true);
    c =
      (t[3840 + (w0 & 255)] as number) ^
      (t[3584 + ((w0 >>> 8) & 255)] as number) ^
      (t[3328 + ((w0 >>> 16) & 255)] as number) ^
      (t[3072 + (w0 >>> 24)] as number) ^
      (t[2816 + (w1 & 255)] as number) ^
      (t[2560 + ((w1 >>> 8) & 255)] as number) ^
      (t[2304 + ((w1 >>> 16) & 255)] as number) ^
      (t[2048 + (w1 >>> 24)] as number) ^
      (t[1792 + (w2 & 255)] as number) ^
      (t[1536 + ((w2 >>> 8) & 255)] as number) ^
      (t[1280 + ((w2 >>> 16) & 255)] as number) ^
      (t[1024 + (w2 >>> 24)] as number) ^
      (t[768 + (w3 & 255)] as number) ^
      (t[512 + ((w3 >>> 8) & 255)] as number) ^
      (t[256 + ((w3 >>> 16) & 255)] as number) ^
      (t[w3 >>> 24] as number);
  }
  for (; i < n; i++) c = (t[(c ^ (bytes[i] as number)) & 255] as number) ^ (c >>> 8);
  return ~c >>> 0;
}
