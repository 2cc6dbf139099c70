/**
 * A YAML text as plain data that still knows its lines, so that every complaint can name one.
 */
import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type YAMLParseError,
  type YAMLWarning,
} from 'yaml';

export type PathPart = string | number;

export interface Problem {
  readonly line: number;
  readonly message: string;
}

/** A whole number beyond 2^53, of which JavaScript keeps another one near it. */
export interface Inexact {
  readonly path: readonly PathPart[];
  readonly line: number;
  /** As it stands in the file. */
  readonly written: string;
}

export interface SourceDocument {
  /** Undefined where it is no YAML that anything could be said of. */
  readonly data: unknown;
  /** What is wrong with the YAML itself. */
  readonly problems: readonly Problem[];
  /** Whether that leaves data to judge, as a key that stands twice does: of its values the last one counts. */
  readonly readable: boolean;
  readonly inexact: readonly Inexact[];
  /** The line (from 1) of the value at this path; of the nearest parent when it is absent. */
  lineOf(path: readonly PathPart[]): number;
  /** The line of the key itself. */
  lineOfKey(path: readonly PathPart[]): number;
}

export function readDocument(text: string): SourceDocument {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, version: '1.2', schema: 'core' });
  const found = [...document.errors, ...document.warnings];
  // What follows the first fault of the syntax is mostly that one again, seen from further on.
  const syntax = found.filter((error) => error.code !== 'DUPLICATE_KEY').slice(0, 1);
  const message = (error: YAMLParseError | YAMLWarning): string =>
    error.code === 'MULTIPLE_DOCS'
      ? SEVERAL_DOCUMENTS
      : `not valid YAML: ${firstLine(error.message)}${UNQUOTED.has(error.code) ? QUOTES : ''}`;
  const twice = found.filter((error) => error.code === 'DUPLICATE_KEY');
  const problems = [
    ...twice.map((error) => ({
      line: counter.linePos(error.pos[0]).line,
      message: `the key ${keyAt(text, error.pos[0])} stands twice in one mapping: expected every key once`,
    })),
    ...syntax.map((error) => ({
      line: counter.linePos(error.pos[0]).line,
      message: message(error),
    })),
  ];
  const inexact: Inexact[] = [];
  visit(document, {
    Scalar: (_, scalar, parents) => {
      const { value, source = '', range } = scalar;
      if (typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value)) return;
      const { line } = counter.linePos(range?.[0] ?? 0);
      inexact.push({ path: pathTo(scalar, parents), line, written: source });
    },
    // It would send every walk over the data round in circles.
    Alias: (_, alias, parents) => {
      const named = alias.resolve(document);
      if (named !== undefined && !parents.includes(named)) return;
      problems.push({
        line: counter.linePos(alias.range?.[0] ?? 0).line,
        message:
          named === undefined
            ? `not valid YAML: an alias (*${alias.source}) names nothing: expected &${alias.source} before it`
            : `not valid YAML: an alias (*${alias.source}) stands inside of what it names (&${alias.source})`,
      });
    },
    Pair: (_, pair) => {
      // JavaScript gives this key a meaning of its own, so checks of plain objects pass it over.
      if (!isScalar(pair.key) || pair.key.value !== '__proto__') return;
      problems.push({
        line: counter.linePos(pair.key.range?.[0] ?? 0).line,
        message: '__proto__: unknown setting',
      });
    },
  });
  const data = problems.length > twice.length ? undefined : toData(document, problems);
  return {
    problems,
    readable: problems.length === twice.length,
    inexact,
    data,
    lineOf: (path) => lineAt(document, counter, path, 'value'),
    lineOfKey: (path) => lineAt(document, counter, path, 'key'),
  };
}

const SEVERAL_DOCUMENTS =
  'expected one configuration, got another one after the line `---`: give each a file of its own, and name it with --config';

/** The names and indexes that lead to a value, or to a key. */
function pathTo(scalar: unknown, parents: readonly unknown[]): PathPart[] {
  const nodes = [...parents, scalar];
  return nodes.flatMap((node, i): PathPart[] => {
    if (isPair(node)) return isScalar(node.key) ? [String(node.key.source ?? node.key.value)] : [];
    return isSeq(node) ? [node.items.indexOf(nodes[i + 1])] : [];
  });
}

/** What comes of a bracket in text without quotes. */
const UNQUOTED: ReadonlySet<string> = new Set(['MISSING_CHAR', 'UNEXPECTED_TOKEN', 'BAD_INDENT']);
const QUOTES = '; inside of [ ] and { } a text with one of these in it stands in quotes';

const keyAt = (text: string, offset: number): string =>
  text
    .slice(offset, offset + 80)
    .split(/[:\n]/, 1)
    .join('')
    .trim();

const firstLine = (message: string): string =>
  message.split('\n')[0]?.replace(/ at line \d+.*$/, '') ?? message;

function toData(document: Document.Parsed, problems: Problem[]): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    problems.push({ line: 1, message: `not valid YAML: ${firstLine((error as Error).message)}` });
    return undefined;
  }
}

function lineAt(
  document: Document.Parsed,
  counter: LineCounter,
  path: readonly PathPart[],
  which: 'key' | 'value',
): number {
  let node: Node | null = document.contents;
  let position = node?.range?.[0] ?? 0;
  for (const [depth, part] of path.entries()) {
    const parent: Node | null | undefined = isAlias(node) ? node.resolve(document) : node;
    if (isMap(parent)) {
      const pair = parent.items.findLast(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) break;
      const key = pair.key as Node;
      const value = pair.value as Node | null;
      // A key that is named, or one with no value behind it, is where the reader looks.
      const keyWanted = (which === 'key' && depth === path.length - 1) || value === null;
      position = (keyWanted ? key : value).range?.[0] ?? position;
      node = value;
    } else if (isSeq(parent)) {
      node = (parent.items[Number(part)] ?? null) as Node | null;
      if (node === null) break;
      position = node.range?.[0] ?? position;
    } else break;
  }
  return counter.linePos(position).line;
}
