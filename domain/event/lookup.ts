/** Places compiled to functions: where a value is looked for, and when it counts as missing. */
import type { EventMapping, Place } from '../config/config.js';
import { spellPlace } from '../config/places.js';
import { firstAddress } from './address.js';
import type { JsonObject } from './parseRecord.js';
import type { Enrichers } from './types.js';

/** The value and how its place is spelled in messages; undefined: no place has one. */
export interface Found {
  readonly value: unknown;
  readonly place: string;
}
export type Lookup = (event: EventView) => Found | undefined;

/** A parsed event with its enrichments, each made at most once and only when a column asks. */
export class EventView {
  private agentFields: ReturnType<Enrichers['ua']> | undefined;
  private geoFields: ReturnType<Enrichers['geoip']> | undefined;
  private geoDone = false;

  constructor(
    readonly json: JsonObject,
    private readonly sources: { readonly address: Lookup; readonly agent: Lookup },
    private readonly enrich: Enrichers,
  ) {}

  enrichment(place: Place & { kind: 'enrichment' }): unknown {
    switch (place.enrichment) {
      case '$geoip':
        return this.geo()?.[place.field as 'country'];
      case '$ua':
        return this.ua()?.[place.field as 'browser'];
      case '$visitor': {
        const address = this.address();
        return address === undefined ? undefined : this.enrich.visitor(address, this.agent() ?? '');
      }
    }
  }

  private address(): string | undefined {
    const list = text(this.sources.address(this));
    return list === undefined ? undefined : firstAddress(list) || undefined;
  }

  private agent(): string | undefined {
    return text(this.sources.agent(this));
  }

  private geo(): ReturnType<Enrichers['geoip']> {
    if (!this.geoDone) {
      const address = this.address();
      this.geoFields = address === undefined ? undefined : this.enrich.geoip(address);
      this.geoDone = true;
    }
    return this.geoFields;
  }

  private ua(): ReturnType<Enrichers['ua']> | undefined {
    const agent = this.agentFields === undefined ? this.agent() : undefined;
    if (agent !== undefined) this.agentFields = this.enrich.ua(agent);
    return this.agentFields;
  }
}

/** An address or agent of another type feeds no enrichment, and loses no click. */
const text = (found: Found | undefined): string | undefined =>
  typeof found?.value === 'string' && found.value !== '' ? found.value : undefined;

/** The first place that has a value. */
export function compileLookup(places: readonly Place[], nulls: EventMapping['nulls']): Lookup {
  const missing = new Set<unknown>([undefined, null, ...nulls]);
  const readers = places.map((place) => ({ read: reader(place), place: spellPlace(place) }));
  return (event) => {
    for (const { read, place } of readers) {
      const value = read(event);
      if (!missing.has(value)) return { value, place };
    }
    return undefined;
  };
}

function reader(place: Place): (event: EventView) => unknown {
  if (place.kind === 'enrichment') return (event) => event.enrichment(place);
  const { path } = place;
  return (event) => {
    let value: unknown = event.json;
    for (const part of path) {
      // Own properties alone: `constructor` and `__proto__` are data where an event has them, and nothing else.
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
      if (Array.isArray(value) && part === 'length') return undefined;
      value = (value as JsonObject)[part];
    }
    return value;
  };
}
