/**
 * Text of the configuration file → `Config`. Pure: nothing is read, nothing is connected to.
 */
import { ConfigurationError } from '../errors.js';
import type { Config } from './config.js';
import { readDocument, type Problem } from './document.js';
import { explain, spell } from './explain.js';
import { at } from './data.js';
import { findInexact } from './exact.js';
import { toConfig, toMapping, type Complain } from './meaning.js';
import { configJsonSchema, configSchema, mappingSchema, toGrammar } from './schema.js';

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
  if (document.problems.length > 0) throw failure(file, document.problems);

  const { data } = document;
  const inexact = findInexact(document);
  const problems: Problem[] = [...inexact];
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
    for (const issue of parsed.error.issues) explain(issue, document, complain);
    // What needs several settings at once is judged as well where these are sound: one run names every problem.
    const mapping = mappingSchema.safeParse(pick(data, Object.keys(mappingSchema.shape)));
    if (mapping.success) toMapping(mapping.data, complain);
  }
  throw failure(file, problems);
}

const pick = (data: unknown, keys: readonly string[]): unknown =>
  Object.fromEntries(keys.map((key) => [key, at(data, [key])]));

function failure(file: string, problems: readonly Problem[]): ConfigurationError {
  const lines = [...problems]
    .sort((a, b) => a.line - b.line)
    .map(({ line, message }) => `${file}:${line}: ${message}`);
  return new ConfigurationError([...new Set(lines)].join('\n'));
}
