/** Places as plain events read them: a path leads to a slot of the scanner, an enrichment to a function. */
import type { Place } from '../../config/config.js';
import type { PlaceCompiler } from '../lookup.js';
import type { Read } from '../view.js';

/** None of the places has a value. */
export const NONE = -1;
/** A place that only the decoder can read: JSON inside text, an element of an array, a template. */
export const UNSURE = -2;
/** The value stands nowhere in the event: an enrichment or a constant. */
export const MADE = -3;

/** A slot, `UNSURE`, or how a value is made. */
export type PlainPlace = number | Read;

/** Gathers the paths that a mapping asks for: each has one slot, however often it is asked for. */
export class PlainPaths {
  readonly paths: (readonly string[])[] = [];

  constructor(
    private readonly compiler: PlaceCompiler,
    /** What enrichments are made from is plain, too. */
    private readonly enrichable: boolean,
  ) {}

  placesOf(places: readonly Place[]): readonly PlainPlace[] {
    return places.map((place) => {
      const path = plainPath(place);
      if (path !== undefined) return this.slotOf(path);
      return place.kind === 'const' || (place.kind === 'enrichment' && this.enrichable)
        ? this.compiler.place(place)
        : UNSURE;
    });
  }

  private slotOf(path: readonly string[]): number {
    const known = this.paths.findIndex(
      (other) => other.length === path.length && other.every((step, i) => step === path[i]),
    );
    return known >= 0 ? known : this.paths.push(path) - 1;
  }
}

export const isPlain = (place: Place): boolean => plainPath(place) !== undefined;

/** The names of a path that leads through objects alone; names that JSON would have to escape are left to JSON.parse. */
function plainPath(place: Place): readonly string[] | undefined {
  if (place.kind !== 'path') return undefined;
  const names = place.path.filter((step) => typeof step === 'string');
  const plain =
    names.length > 0 &&
    names.length === place.path.length &&
    names.every((name) => JSON.stringify(name) === `"${name}"`);
  return plain ? names : undefined;
}
