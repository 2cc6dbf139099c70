/** What a mapping makes of what: which enrichments it asks for, and that none is made of itself. */
import type { Condition, Config, Enrichment, NamedPlace, Place } from './config.js';
import type { PathPart } from './document.js';
import { ENRICHMENT_KINDS, type Input } from './enrichments.js';
import { namedPlaces, spellPlace } from './places.js';

type Mapping = Pick<Config, 'event' | 'families' | 'roles'>;
type EnrichmentPlace = NamedPlace & { readonly kind: 'enrichment' };

const conditionPlace = (condition: Condition): Place =>
  condition.kind === 'not' ? conditionPlace(condition.condition) : condition.place;

const enrichmentsIn = (place: Place): readonly EnrichmentPlace[] =>
  namedPlaces(place).filter((named) => named.kind === 'enrichment');

/** The enrichments that a mapping asks for, so that only these are opened. */
export function usedEnrichments({ event, families }: Mapping): ReadonlySet<Enrichment> {
  const places = [
    ...event.where.map(conditionPlace),
    ...[event.id, event.time.from, event.address, event.agent, event.referrer].flat(),
    ...Object.values(families).flatMap((columns) => columns.flatMap((column) => column.from)),
  ];
  return new Set(places.flatMap(enrichmentsIn).map((place) => place.enrichment));
}

export interface Cycle {
  /** The place that closes the circle. */
  readonly path: readonly PathPart[];
  /** `event.address → $ua.device → event.agent → $geoip.country → event.address` */
  readonly chain: string;
}

/** Enrichments that are made of themselves; each circle once. */
export function findCycles({ event, roles }: Mapping): readonly Cycle[] {
  const inputs: Record<Input, { name: string; path: readonly PathPart[]; from: readonly Place[] }> = {
    address: { name: 'event.address', path: ['event', 'address', 'from'], from: event.address },
    agent: { name: 'event.agent', path: ['event', 'agent', 'from'], from: event.agent },
    referrer: { name: 'event.referrer', path: ['event', 'referrer', 'from'], from: event.referrer },
    url: {
      name: `families.${roles.url.family}.${roles.url.name}`,
      path: ['families', roles.url.family, roles.url.name, 'from'],
      from: roles.url.from,
    },
  };
  const cycles: Cycle[] = [];
  const done = new Set<Input>();
  const visit = (input: Input, open: readonly Input[], chain: string): void => {
    const { path, from } = inputs[input];
    from.forEach((place, i) => {
      for (const enrichment of enrichmentsIn(place)) {
        for (const next of ENRICHMENT_KINDS[enrichment.enrichment].inputs) {
          const longer = `${chain} → ${spellPlace(enrichment)} → ${inputs[next].name}`;
          if ([...open, input].includes(next)) cycles.push({ path: [...path, i], chain: longer });
          else if (!done.has(next)) visit(next, [...open, input], longer);
        }
      }
    });
    done.add(input);
  };
  for (const input of Object.keys(inputs) as Input[])
    if (!done.has(input)) visit(input, [], inputs[input].name);
  return cycles;
}
