/** Numbers of the mapping's own, which meet values of events: none may be another than what was written. */
import { at } from './data.js';
import type { PathPart, Problem, SourceDocument } from './document.js';
import { spell } from './explain.js';

/** What comes of it would be compared, or stored, as the number next to it. */
export function findInexact({
  data,
  inexact,
}: SourceDocument): readonly (Problem & { readonly path: readonly PathPart[] })[] {
  return inexact
    .filter(({ path }) => path[0] === 'event' || path[0] === 'families')
    .filter(({ path }) => path.at(-1) !== 'const' || at(data, [...path.slice(0, 3), 'type']) !== 'double')
    .map(({ path, line, written }) => ({
      path,
      line,
      message:
        `${spell(path)}: expected a whole number below 2^53, which is kept exactly, got ${written}: ` +
        `write it in quotes ('${written}')`,
    }));
}
