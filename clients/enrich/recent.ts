/**
 * Answers by key, `capacity` of them at most: those of the last `capacity / 2` keys are always known. A hit changes
 * nothing: a Map that is reordered with each hit makes itself anew every few thousand of them.
 */
export class RecentAnswers<T> {
  private younger = new Map<string, T>();
  private older = new Map<string, T>();

  constructor(private readonly capacity: number) {}

  get(key: string, make: () => T): T {
    const known = this.younger.get(key);
    if (known !== undefined) return known;
    const answer = this.older.get(key) ?? make();
    if (this.younger.size >= this.capacity / 2) {
      this.older = this.younger;
      this.younger = new Map();
    }
    this.younger.set(key, answer);
    return answer;
  }
}
