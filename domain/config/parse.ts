/**
 * Text of the configuration file → `Config`. Pure: nothing is read, nothing is connected to.
 */
import { ConfigurationError } from '../errors.js';
import type { Config } from './config.js';
import { readDocument, type Problem } from './document.js';
import { explain, spell } from './explain.js';
import { findInexact } from './exact.js';
import { toConfig, type Complain } from './meaning.js';
import { configJsonSchema, configSchema, toGrammar } from './schema.js';
import { repair } from './standIns.js';

export { configJsonSchema };

/**
 * @param file Name of the file, for messages only.
 * @throws ConfigurationError with every problem on a line of its own:
 *   `clickstream.yaml:12: ingest.batch.records: expected a whole number from 1 to 1000000, got "many"`.
 */
export function parseConfig(text: string, file: string): Config {
  return read(text, file).config;
}

/** The effective configuration in the grammar of the file: what was written, with every default filled in. */
export function effectiveConfig(text: string, file: string): unknown {
  return read(text, file).effective;
}

function read(text: string, file: string): { config: Config; effective: unknown } {
  const document = readDocument(text);
  if (!document.readable) throw failure(file, document.problems);

  const { data } = document;
  const inexact = findInexact(document);
  const problems: Problem[] = [...document.problems, ...inexact];
  const complain: Complain = (path, message, about) => {
    if (inexact.some((one) => spell(one.path) === spell(path))) return;
    const line = about === 'key' ? document.lineOfKey(path) : document.lineOf(path);
    problems.push({ line, message: `${spell(path)}: ${message}` });
  };
  const parsed = configSchema.safeParse(data);
  if (parsed.success) {
    const config = toConfig(parsed.data, complain);
    if (problems.length === 0) return { config, effective: toGrammar(parsed.data) };
  } else {
    const { issues } = parsed.error;
    const repaired = repair(data, issues);
    for (const issue of [...issues, ...(repaired?.more ?? [])]) explain(issue, document, complain);
    // What needs several settings at once is judged as well: one run names every problem.
    if (repaired !== undefined) toConfig(repaired.raw, repaired.filter(complain));
  }
  throw failure(file, problems);
}

function failure(file: string, problems: readonly Problem[]): ConfigurationError {
  const lines = [...problems]
    .sort((a, b) => a.line - b.line)
    .map(({ line, message }) => `${file}:${line}: ${message}`);
  return new ConfigurationError([...new Set(lines)].join('\n'));
}
