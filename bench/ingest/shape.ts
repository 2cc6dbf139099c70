/**
 * The events of the benchmark, flat JSON of about 445 bytes with a key of 36. Their shape is the fictitious shop's:
 * pages and users by Zipf's law, visits of five clicks, a daily rhythm; ids are UUIDv4; 0.5 % come one to six hours
 * late. Of those that come twice, 70 % do so in their own partition and 30 % in another, at most 2,000 events later.
 */
import { Random } from '../../domain/generator/random.js';
import type { Day } from '../../clients/postgres/days.js';
import { DEFAULT_START_MS, siteClicks, type SiteClick } from '../../domain/generator/site.js';

export interface Shape {
  readonly events: number;
  /** How many of a hundred events come twice. */
  readonly duplicatePercent: number;
  /** Days that the event times spread over. */
  readonly days: number;
  /** `mixed`: neighbours lie days apart, so that every batch touches all days. */
  readonly order: 'by time' | 'mixed';
  /** Another one gives other events of the same shape. Default 1. */
  readonly seed?: number;
}

const LATE = 0.005;
const RECENT = 2_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** An event that is sent again under another visit's key lies in another of four partitions three times in four. */
const OTHER_KEY = 0.3 / 0.75;

const CITIES: Readonly<Record<string, string>> = {
  US: 'San Francisco',
  DE: 'Frankfurt am Main',
  FR: 'Paris',
  GB: 'London',
  IN: 'Bengaluru',
  BR: 'São Paulo',
  JP: 'Tokyo',
  NL: 'Amsterdam',
  CA: 'Toronto',
  ES: 'Madrid',
  PL: 'Warszawa',
};
const BROWSERS = ['Googlebot', 'bingbot', 'Firefox', 'Chrome', 'Safari'] as const;

const encoder = new TextEncoder();

interface Event {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}
export interface GeneratedEvent extends Event {
  /** It was sent before. */
  readonly again: boolean;
}

/** Exactly `shape.events` records; the same shape gives the same records. */
export function* generateEvents(shape: Shape): Generator<GeneratedEvent> {
  const { events, days, order, seed = 1 } = shape;
  const random = new Random(seed);
  const site = siteClicks({ records: events, days: order === 'mixed' ? 1 : days }, random);
  const recent: Event[] = [];
  let late: (Event & { readonly due: number })[] = [];
  /** Of those, the first: looking for it at every event would take most of the time of a long run. */
  let firstDue = Infinity;
  let sent = 0;
  for (const click of site) {
    const t = order === 'mixed' ? click.t + (sent % days) * DAY_MS : click.t;
    const event: Event = {
      key: encoder.encode(click.visit.session),
      value: encoder.encode(eventText(click, t, random)),
    };
    if (random.chance(LATE)) {
      const due = click.t + HOUR_MS * (1 + random.below(6));
      late.push({ ...event, due });
      firstDue = Math.min(firstDue, due);
      continue;
    }
    const next: GeneratedEvent[] = [{ ...event, again: false }];
    if (click.t >= firstDue) {
      for (const one of late) if (one.due <= click.t) next.push({ ...one, again: false });
      late = late.filter(({ due }) => due > click.t);
      firstDue = late.reduce((first, { due }) => Math.min(first, due), Infinity);
    }
    if (recent.length > 0 && random.chance(shape.duplicatePercent / 100)) {
      const again = recent[random.below(recent.length)] ?? event;
      const other = recent[random.below(recent.length)] ?? event;
      next.push({ value: again.value, key: random.chance(OTHER_KEY) ? other.key : again.key, again: true });
    }
    for (const { key, value, again } of next) {
      if (sent++ >= events) return;
      yield { key, value, again };
    }
    if (recent.length < RECENT) recent.push(event);
    else recent[random.below(RECENT)] = event;
  }
}

/** Every day that an event of the shape may be of; visits and late events run over into the day after the last. */
export const daysOf = ({ days }: Pick<Shape, 'days'>): readonly Day[] =>
  Array.from({ length: days + 2 }, (_, n) =>
    new Date(DEFAULT_START_MS + n * DAY_MS).toISOString().slice(0, 10).replaceAll('-', ''),
  );

function eventText({ url, referrer, visit }: SiteClick, t: number, random: Random): string {
  const { visitor, session } = visit;
  const country = visitor.country ?? null;
  return JSON.stringify({
    event_id: random.uuid(),
    event_time: new Date(t).toISOString(),
    url: `https://shop.example${url}`,
    user_id: visitor.userId ?? null,
    session_id: session,
    referrer: referrer ?? null,
    ip: visitor.ip,
    country,
    city: country === null ? null : (CITIES[country] ?? null),
    browser: BROWSERS.find((browser) => visitor.agent.includes(browser)) ?? 'other',
    user_agent: visitor.agent,
    time_spent_ms: random.below(120_000),
  });
}
