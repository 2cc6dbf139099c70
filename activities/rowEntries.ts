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

  get capacity(): number {
    return this.bytes.length;
  }

  /** @param high of the click_id, as `low` 32 bits; then where the row ends in the families' files, in bytes */
  add(high: number, low: number, clicks: number, geo: number, agents: number): void {
    if (this.at + ROW_ENTRY > this.bytes.length) this.grow();
    const { view, at } = this;
    view.setInt32(at, high);
    view.setInt32(at + 4, low);
    this.end(at + 8, clicks);
    this.end(at + 16, geo);
    this.end(at + 24, agents);
    this.at += ROW_ENTRY;
  }

  private end(at: number, bytes: number): void {
    this.view.setInt32(at, Math.floor(bytes / TWO_32));
    this.view.setInt32(at + 4, bytes);
  }

  /** The entries since the last `clear`, good until the next `add`. */
  get written(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  clear(): void {
    this.at = 0;
  }

  private grow(): void {
    const larger = Buffer.allocUnsafe(this.bytes.length * 2);
    this.bytes.copy(larger);
    this.bytes = larger;
    this.view = new DataView(larger.buffer, larger.byteOffset, larger.byteLength);
  }
}
