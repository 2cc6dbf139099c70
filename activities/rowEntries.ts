/** Bytes of a row's entry in `rows`: click_id, then the ends in the three families, 64 bits each. */
export const ROW_ENTRY = 32;

const TWO_32 = 2 ** 32;

/** The entries of rows that are not yet in the spool. */
export class RowEntries {
  private bytes = Buffer.allocUnsafe(256 * 1024);
  private view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  private at = 0;

  get length(): number {
    return this.at;
  }

  /** @param high of the click_id, as `low` 32 bits; `ends`: of the row in the families' files, in bytes */
  add(high: number, low: number, ends: readonly number[]): void {
    if (this.at + ROW_ENTRY > this.bytes.length) this.grow();
    const { view, at } = this;
    view.setInt32(at, high);
    view.setInt32(at + 4, low);
    for (let i = 0; i < 3; i++) {
      const end = ends[i] ?? 0;
      view.setInt32(at + 8 + i * 8, Math.floor(end / TWO_32));
      view.setInt32(at + 12 + i * 8, end);
    }
    this.at += ROW_ENTRY;
  }

  /** Hands over the entries since the last call. */
  take(): Buffer {
    const taken = Buffer.from(this.bytes.subarray(0, this.at));
    this.at = 0;
    return taken;
  }

  private grow(): void {
    const larger = Buffer.allocUnsafe(this.bytes.length * 2);
    this.bytes.copy(larger);
    this.bytes = larger;
    this.view = new DataView(larger.buffer, larger.byteOffset, larger.byteLength);
  }
}
