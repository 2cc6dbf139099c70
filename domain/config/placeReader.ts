/** Places as written → places that make sense where they stand; everything else is complained about. */
import { converter } from '../event/convert.js';
import { Rejection } from '../event/rejection.js';
import type { ColumnType, NamedPlace, Place, TimeSpelling } from './config.js';
import type { PathPart } from './document.js';
import { ENRICHMENT_KINDS, typesOf } from './enrichments.js';
import { show } from './explain.js';
import type { Complain } from './meaning.js';
import { NoPlace } from './noPlace.js';
import { parseNamed, type WrittenPath } from './paths.js';
import { namedPlaces, parsePlace, spellPlace, type WrittenPlace } from './places.js';
import type { RawMapping } from './schema.js';

type Path = readonly PathPart[];

export class PlaceReader {
  constructor(
    private readonly event: RawMapping['event'],
    private readonly times: TimeSpelling,
    private readonly complain: Complain,
  ) {}

  /** Places of a column. */
  columnPlaces(written: readonly WrittenPlace[], path: Path, type: ColumnType): readonly Place[] {
    const places = this.places(written, path, type);
    places.forEach((place, i) => {
      if (place?.kind === 'const')
        this.checkConstant(place.value, [...path, i], type, i < written.length - 1);
    });
    return present(places);
  }

  /** Places of the event's own id, time, address, agent or referrer: a constant would be every event's. */
  ownPlaces(written: readonly WrittenPlace[], path: Path, type: ColumnType): readonly Place[] {
    const places = this.places(written, path, type);
    places.forEach((place, i) => {
      if (place?.kind === 'const') {
        this.complain([...path, i], `expected a place in the event, got ${spellPlace(place)}`);
      }
    });
    return present(places);
  }

  /** The path or enrichment that a condition asks for. */
  named(written: WrittenPath, path: Path): NamedPlace | undefined {
    const place = this.accepted(parseNamed(written), written, path);
    if (place !== undefined) this.checkInputs(place, path);
    return place;
  }

  private places(
    written: readonly WrittenPlace[],
    path: Path,
    type: ColumnType,
  ): readonly (Place | undefined)[] {
    return written.map((one, i) => {
      const place = this.accepted(parsePlace(one), one, [...path, i]);
      if (place === undefined) return undefined;
      for (const named of namedPlaces(place)) {
        this.checkInputs(named, [...path, i]);
        this.checkType(named, [...path, i], place.kind === 'enrichment' ? type : 'text');
      }
      return place;
    });
  }

  private accepted<P extends Place>(place: P | NoPlace, written: unknown, path: Path): P | undefined {
    if (!(place instanceof NoPlace)) return place;
    this.complain(path, `expected ${place.expected}, got ${show(written)}`);
    return undefined;
  }

  /** `type`: of what the enrichment goes into; text in a template and for JSON. */
  private checkType(place: NamedPlace, path: Path, type: ColumnType): void {
    if (place.kind !== 'enrichment') return;
    const types = typesOf(place);
    if (types.includes(type)) return;
    this.complain(
      path,
      `expected a value of type ${types.join(' or ')} for ${spellPlace(place)}, got ${type}`,
    );
  }

  private checkInputs(place: NamedPlace, path: Path): void {
    if (place.kind !== 'enrichment') return;
    for (const input of ENRICHMENT_KINDS[place.enrichment].inputs) {
      if (input === 'url' || this.event[input] !== undefined) continue;
      this.complain(
        path,
        `expected event.${input} to say where ${spellPlace(place)} is made from, got nothing`,
      );
    }
  }

  private checkConstant(
    value: string | number | boolean,
    path: Path,
    type: ColumnType,
    followed: boolean,
  ): void {
    const fits = converter(type, this.times)(value);
    // The file's own number is complained about where it stands, as it was written.
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && type !== 'double') return;
    if (fits instanceof Rejection) {
      this.complain(path, `expected a constant of type ${type}, got ${show(value)}`);
    } else if (followed) {
      this.complain(path, 'expected a constant as the last place: one after it would never be taken');
    }
  }
}

const present = (places: readonly (Place | undefined)[]): readonly Place[] =>
  places.filter((place) => place !== undefined);
