import { stdin } from 'node:process';

/**
 * Single key presses on a terminal, until `close`. Ctrl-C arrives as a key too, since raw mode keeps the terminal
 * from turning it into a signal: it is handed on as SIGINT.
 */
export function listenForKeys(onKey: (key: string) => void): { close(): void } {
  const listener = (chunk: Buffer): void => {
    for (const key of chunk.toString('utf8')) {
      if (key === '\u0003') process.kill(process.pid, 'SIGINT');
      else onKey(key.toLowerCase());
    }
  };
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on('data', listener);
  return {
    close() {
      stdin.off('data', listener);
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}
