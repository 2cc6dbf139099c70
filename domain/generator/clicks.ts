/**
 * The fictitious shop's records as its application would send them to Kafka: 1 % come twice, 0.5 % come one to
 * six hours late, 0.05 % are broken. Three in a hundred say themselves how long the page was read.
 */
import { Random } from './random.js';
import { siteClicks, type SiteClick, type SiteOptions } from './site.js';

export type { SiteOptions } from './site.js';

export interface GeneratedRecord {
  /** The visit: its clicks stay in one partition, in order. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly kind: 'click' | 'duplicate' | 'broken';
}

const DUPLICATES = 0.01;
const LATE = 0.005;
const BROKEN = 0.0005;
const SAYS_TIME_SPENT = 0.03;
/** How far back a record that comes twice may lie. */
const RECENT = 2000;
const HOUR_MS = 3_600_000;

const encoder = new TextEncoder();

export function* generateClicks(options: SiteOptions): Generator<GeneratedRecord> {
  const random = new Random(options.seed ?? 1);
  const recent: GeneratedRecord[] = [];
  let late: { readonly due: number; readonly record: GeneratedRecord }[] = [];
  let left = options.records;
  for (const click of siteClicks(options, random)) {
    const record = toRecord(click, random);
    if (random.chance(LATE)) {
      late.push({ due: click.t + HOUR_MS * (1 + random.below(6)), record });
      continue;
    }
    const due = late.filter((one) => one.due <= click.t).map((one) => one.record);
    late = late.filter((one) => one.due > click.t);
    const again =
      recent.length > 0 && random.chance(DUPLICATES) ? recent[random.below(recent.length)] : undefined;
    const records: GeneratedRecord[] = [record, ...due];
    if (again !== undefined) records.push({ ...again, kind: 'duplicate' });
    for (const next of records) {
      if (left-- <= 0) return;
      yield next;
    }
    if (record.kind !== 'click') continue;
    if (recent.length < RECENT) recent.push(record);
    else recent[random.below(RECENT)] = record;
  }
}

function toRecord({ t, url, referrer, visit }: SiteClick, random: Random): GeneratedRecord {
  const { visitor, session } = visit;
  const event = {
    event_id: random.uuid(),
    t,
    page: { url, referrer },
    user_id: visitor.userId,
    session_id: session,
    ip: visitor.ip,
    user_agent: visitor.agent,
    geo: visitor.country === undefined ? {} : { country: visitor.country },
    ...(random.chance(SAYS_TIME_SPENT) && { time_spent: Math.round(random.exponential(40_000)) }),
  };
  const isBroken = random.chance(BROKEN);
  const text = isBroken ? broken(event, random) : JSON.stringify(event);
  return { key: encoder.encode(session), value: encoder.encode(text), kind: isBroken ? 'broken' : 'click' };
}

/** What goes wrong in practice: cut off, no page, a clock unset, a NUL, text for a number. */
function broken(event: Readonly<Record<string, unknown>>, random: Random): string {
  const whole = JSON.stringify(event);
  switch (random.below(5)) {
    case 0:
      return whole.slice(0, whole.length / 2);
    case 1:
      return JSON.stringify({ ...event, page: {} });
    case 2:
      return JSON.stringify({ ...event, t: 0 });
    case 3:
      return JSON.stringify({ ...event, page: { url: '/\0' } });
    default:
      return JSON.stringify({ ...event, time_spent: 'long' });
  }
}
