/**
 * Runs test files in Node's own runner: `node run.js CONCURRENCY TIMEOUT_MS FILE…`. The runner's command-line flags
 * for the two numbers are younger than the oldest Node that we support; its function is not.
 */
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const [concurrency, timeout, ...files] = process.argv.slice(2);

const results = run({ files, concurrency: Number(concurrency), timeout: Number(timeout) });
results.on('test:fail', () => {
  process.exitCode = 1;
});
results.pipe(new spec()).pipe(process.stdout);
