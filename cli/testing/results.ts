/** Counts what `node --test` reports (its TAP totals), and judges it. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  /** Skipped, todo or cancelled: a test that did not run has not passed. */
  readonly unfinished: number;
}

/** The totals at the end of the runner's spec output; undefined when it ended before it could print them. */
export function parseTotals(output: string): Totals | undefined {
  const value = (name: string): number | undefined => {
    const found = [...output.matchAll(new RegExp(`^ℹ ${name} (\\d+)\\s*$`, 'gm'))].at(-1)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const [pass, fail, cancelled, skipped, todo] = ['pass', 'fail', 'cancelled', 'skipped', 'todo'].map(value);
  if (pass === undefined || fail === undefined) return undefined;
  return { passed: pass, failed: fail, unfinished: (cancelled ?? 0) + (skipped ?? 0) + (todo ?? 0) };
}

export const addTotals = (a: Totals, b: Totals): Totals => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  unfinished: a.unfinished + b.unfinished,
});

export const isGreen = ({ passed, failed, unfinished }: Totals): boolean =>
  passed > 0 && failed === 0 && unfinished === 0;
