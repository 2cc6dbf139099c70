import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generateAccessLog } from '../../domain/generator/accessLog.js';

/** The access log that CLICKSTREAM_TEST_LOG names, else one that the generator writes. */
export function accessLog(): string {
  const named = process.env['CLICKSTREAM_TEST_LOG'];
  if (named !== undefined && named !== '') return named;
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'access-log-')), 'access.log');
  writeFileSync(file, [...generateAccessLog({ seed: 7, records: 4000 })].map((line) => `${line}\n`).join(''));
  return file;
}
