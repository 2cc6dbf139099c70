/** Paths into the event and the places that plain text can spell. */
import type { NamedPlace, PathStep, Scalar } from './config.js';
import { parseEnrichment } from './enrichments.js';
import { NoPlace } from './noPlace.js';

export type WrittenStep = string | number | Readonly<Record<string, Scalar>>;
export type WrittenPath = string | readonly WrittenStep[];

/** A path, or text that may name an enrichment as well. */
export function parseNamed(written: WrittenPath): NamedPlace | NoPlace {
  if (typeof written === 'string' && written.startsWith('$')) return parseEnrichment(written);
  const path = parsePath(written);
  return path instanceof NoPlace ? path : { kind: 'path', path };
}

export function parsePath(written: WrittenPath): readonly PathStep[] | NoPlace {
  if (typeof written === 'string') return parsePathText(written);
  const steps: PathStep[] = [];
  for (const step of written) {
    if (typeof step !== 'object') {
      steps.push(String(step));
      continue;
    }
    const [entry, ...more] = Object.entries(step);
    if (entry === undefined || more.length > 0) {
      return new NoPlace('one member and its text such as { key: page_location } as a step of a path');
    }
    steps.push({ member: entry[0], equals: String(entry[1]) });
  }
  return steps;
}

/** One step of a path as text, and the choice of an array's element after it. */
const STEP = /([^.[\]]+)?((?:\[[^=\]]+=[^\]]*\])*)(\.|$)/y;
const CHOICE = /\[([^=\]]+)=([^\]]*)\]/g;

function parsePathText(written: string): readonly PathStep[] | NoPlace {
  const steps: PathStep[] = [];
  STEP.lastIndex = 0;
  for (let last = false; !last;) {
    const [found, key, choices = '', separator] = STEP.exec(written) ?? [];
    // Only JSON inside text can be an array as a whole, and begin with a choice.
    const begins = key !== undefined || (steps.length === 0 && choices !== '');
    if (found === undefined || !begins) {
      return new NoPlace(
        'a path such as page.url or items[key=a].value; a name with . [ or ] in it is { path: [name] }',
      );
    }
    if (key !== undefined) steps.push(key);
    for (const [, member = '', equals = ''] of choices.matchAll(CHOICE)) steps.push({ member, equals });
    last = separator === '';
  }
  return steps;
}

export const spellPath = (path: readonly PathStep[]): string =>
  path.some((step) => typeof step === 'string' && /[.[\]]|^\$|^$/.test(step))
    ? JSON.stringify(path.map((step) => (typeof step === 'string' ? step : { [step.member]: step.equals })))
    : path
        .map((step, i) =>
          typeof step !== 'string' ? `[${step.member}=${step.equals}]` : i === 0 ? step : `.${step}`,
        )
        .join('');
