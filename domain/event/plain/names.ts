/** The names that are looked for in one JSON object, found in its bytes without making a text of them. */

const QUOTE = 0x22;
const encoder = new TextEncoder();

export class Names {
  /** What is looked for inside of the name's own object. */
  readonly inside: (Names | undefined)[] = [];
  /** Where the name's value goes; -1: only what is inside of it is looked for. */
  readonly slots: number[] = [];
  /** The scan that last met the name. */
  readonly seen: number[] = [];
  /** Each name in UTF-8, with its quotes. */
  private readonly quoted: Uint8Array[] = [];
  /**
   * The name that came after a name the last time (first: after none), since producers write names in one order, and
   * comparing one name is all that most members cost.
   */
  private readonly after: number[] = [0];

  /** @returns the number of a name, new or known */
  add(name: string): number {
    const quoted = encoder.encode(`"${name}"`);
    const known = this.quoted.findIndex((other) => isAt(other, quoted, 0));
    if (known >= 0) return known;
    this.quoted.push(quoted);
    this.slots.push(-1);
    this.inside.push(undefined);
    this.seen.push(0);
    return this.after.push(0) - 2;
  }

  /** @returns the number of the name that stands at a position and is the expected one after `last` (-1: the first), or -1 */
  expected(last: number, bytes: Uint8Array, at: number): number {
    const likely = this.after[last + 1] as number;
    const name = this.quoted[likely];
    return name !== undefined && isAt(name, bytes, at) ? likely : -1;
  }

  /** The same for any name. @param end of the name, behind its quote */
  find(last: number, bytes: Uint8Array, at: number, end: number): number {
    for (let i = 0; i < this.quoted.length; i++) {
      const name = this.quoted[i] as Uint8Array;
      if (name.length === end - at && isAt(name, bytes, at)) {
        this.after[last + 1] = i;
        return i;
      }
    }
    return -1;
  }

  /** In bytes, quotes included. */
  lengthOf(name: number): number {
    return (this.quoted[name] as Uint8Array).length;
  }
}

function isAt(name: Uint8Array, bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== QUOTE) return false;
  for (let i = name.length - 1; i > 0; i--) if (bytes[at + i] !== name[i]) return false;
  return true;
}
