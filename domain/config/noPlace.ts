/** Why something written is no place; `expected` completes the sentence "expected …". */
export class NoPlace {
  constructor(readonly expected: string) {}
}
