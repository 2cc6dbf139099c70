/** What one check of the oracle found. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** In words: what was compared, or what differs. */
  readonly detail: string;
  /** The first differences, named. */
  readonly differences?: readonly string[];
}

/** Differences that are named; the rest is counted. */
export const NAMED = 20;

export const equal = (name: string, parts: Readonly<Record<string, bigint | number>>): Check => {
  const values = Object.values(parts).map(BigInt);
  const ok = values.every((value) => value === values[0]);
  const said = Object.entries(parts).map(([what, value]) => `${what} ${String(value)}`);
  return { name, ok, detail: said.join(ok ? ' = ' : ' ≠ ') };
};
