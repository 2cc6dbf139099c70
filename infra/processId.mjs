// @ts-check
/** A process is known by its id and its start time together: ids are used again, sometimes within the hour. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * When the process started, as text that only serves to be compared.
 * @param {number} pid
 * @returns {string | undefined} Undefined when there is no such process (a zombie counts as none).
 */
export function startTime(pid) {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/**
 * @param {number} pid
 * @param {string} started What `startTime` said when the process was made.
 */
export const isSameProcess = (pid, started) => startTime(pid) === started;

/** @param {number} pid */
function fromProc(pid) {
  try {
    // The second field is the command in parentheses and may hold anything, so count from its end.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    // Field 22 counts from boot; the boot's id keeps two boots apart.
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** @param {number} pid */
function fromPs(pid) {
  try {
    const text = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return text === '' || text.startsWith('Z') ? undefined : text.replace(/^\S+\s+/, '');
  } catch {
    return undefined;
  }
}
