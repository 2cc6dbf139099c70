import { readdirSync, readFileSync } from 'node:fs';

/** The Connect server that listens at this address on this machine, by its command line; undefined elsewhere. */
export function sparkPid(remote: string): number | undefined {
  const port = /:(\d+)/.exec(remote)?.[1] ?? '15002';
  try {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .find((pid) => commandLineOf(pid).includes(`spark.connect.grpc.binding.port=${port}`));
  } catch {
    return undefined;
  }
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
