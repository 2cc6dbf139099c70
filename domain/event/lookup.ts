/** Places compiled to functions: where a value is looked for, and when it counts as missing. */
import type { NamedPlace, Place } from '../config/config.js';
import { spellPlace } from '../config/places.js';
import { toText } from './convert.js';
import { compilePath } from './path.js';
import { Rejection } from './rejection.js';
import { compileEnrichment, type EventView, type Read } from './view.js';

/** The first of some places that has a value. */
export interface Lookup {
  /** undefined: none has one; a Rejection: the first that has one cannot be read. */
  readonly find: Read;
  /** How the place that `find` took is spelled in messages; asked only for a rejection. */
  placeOf(event: EventView): string | undefined;
}

/** Compiles the places of one mapping. @param nulls texts that count as missing */
export class PlaceCompiler {
  private readonly missing: ReadonlySet<string>;
  private readonly longestMissing: number;
  /** JSON inside text is parsed once an event, however many places lead into it. */
  private readonly slots = new Map<string, number>();

  constructor(nulls: readonly string[]) {
    this.missing = new Set(nulls);
    this.longestMissing = nulls.reduce((longest, text) => Math.max(longest, text.length), -1);
  }

  /** @param empty what an empty text is */
  lookup(places: readonly Place[], empty: 'a value' | 'missing' = 'a value'): Lookup {
    const readers = places.map((place) => {
      const read = this.place(place);
      return { read: empty === 'missing' ? unlessEmpty(read) : read, spelled: spellPlace(place) };
    });
    const reads = readers.map(({ read }) => read);
    const [only, second] = reads;
    return {
      find:
        only !== undefined && second === undefined
          ? only
          : (event) => {
              for (const read of reads) {
                const value = read(event);
                if (value !== undefined) return value;
              }
              return undefined;
            },
      placeOf: (event) => readers.find(({ read }) => read(event) !== undefined)?.spelled,
    };
  }

  /** Constants and templates are the mapping's own words: these are never taken for missing. */
  place(place: Place): Read {
    switch (place.kind) {
      case 'path':
      case 'enrichment':
        return this.named(place);
      case 'json':
        return this.json(place);
      case 'const':
        return () => place.value;
      case 'template':
        return this.template(place.parts);
    }
  }

  private named(place: NamedPlace): Read {
    if (place.kind === 'enrichment') return this.unlessMissing(compileEnrichment(place));
    const walk = compilePath(place.path);
    return this.unlessMissing((event) => walk(event.json));
  }

  private json(place: Place & { kind: 'json' }): Read {
    const key = spellPlace(place.in);
    const slot = this.slots.get(key) ?? this.slots.size;
    this.slots.set(key, slot);
    const text = this.named(place.in);
    const walk = compilePath(place.path);
    return this.unlessMissing((event) => {
      const json = event.parse(slot, text);
      return json instanceof Rejection ? json : walk(json);
    });
  }

  /** A template one of whose values is missing is missing; 0 and false are values. */
  private template(parts: readonly (string | NamedPlace)[]): Read {
    const reads = parts.map((part) => (typeof part === 'string' ? part : this.named(part)));
    return (event) => {
      let result = '';
      for (const part of reads) {
        if (typeof part === 'string') {
          result += part;
          continue;
        }
        const value = part(event);
        if (value === undefined || value instanceof Rejection) return value;
        const text = toText(value);
        if (text instanceof Rejection) return text;
        result += text;
      }
      return result;
    };
  }

  private unlessMissing(read: Read): Read {
    const { missing, longestMissing } = this;
    if (longestMissing < 0) return (event) => read(event) ?? undefined;
    return (event) => {
      const value = read(event) ?? undefined;
      // Most texts are longer than any spelling of nothing, and need no hash.
      return typeof value === 'string' && value.length <= longestMissing && missing.has(value)
        ? undefined
        : value;
    };
  }
}

const unlessEmpty =
  (read: Read): Read =>
  (event) => {
    const value = read(event);
    return value === '' ? undefined : value;
  };
