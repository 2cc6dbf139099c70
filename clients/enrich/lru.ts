/** The last `capacity` answers by key; the one unused for longest goes first. */
export class Lru<T> {
  private readonly entries = new Map<string, T>();

  constructor(private readonly capacity: number) {}

  get(key: string, make: () => T): T {
    const known = this.entries.get(key);
    if (known !== undefined) {
      // A Map keeps the order of insertion: putting it in again makes it the youngest.
      this.entries.delete(key);
      this.entries.set(key, known);
      return known;
    }
    const made = make();
    this.entries.set(key, made);
    if (this.entries.size > this.capacity) {
      const [oldest] = this.entries.keys();
      if (oldest !== undefined) this.entries.delete(oldest);
    }
    return made;
  }
}
