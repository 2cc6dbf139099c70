/** What processes have used, from Linux's /proc; undefined on other systems, where the figures are left out. */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, fixed at 100 on every architecture that Node runs on. */
const TICK_US = 10_000;

interface Stat {
  readonly parent: number;
  readonly ownUs: number;
  /** Of children that have ended and were waited for. */
  readonly childrenUs: number;
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const at = (field: number): number => fields[field - 3] ?? 0;
    return { parent: at(4), ownUs: (at(14) + at(15)) * TICK_US, childrenUs: (at(16) + at(17)) * TICK_US };
  } catch {
    return undefined;
  }
}

/** CPU time of a process, all its threads together, µs. */
export const cpuOf = (pid: number): number | undefined => statOf(pid)?.ownUs;

/** CPU time of a process and of its children, those that have ended included, µs. */
export function cpuOfFamily(pid: number): number | undefined {
  const parent = statOf(pid);
  if (parent === undefined) return undefined;
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat?.parent === pid);
  return children.reduce((sum, stat) => sum + (stat?.ownUs ?? 0), parent.ownUs + parent.childrenUs);
}

export const parentOf = (pid: number): number | undefined => statOf(pid)?.parent;

export function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The most memory that a process ever held at once, MB (10^6 bytes). */
export function peakMemoryMb(pid: number): number | undefined {
  try {
    const kb = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kb === undefined ? undefined : (Number(kb) * 1024) / 1e6;
  } catch {
    return undefined;
  }
}
