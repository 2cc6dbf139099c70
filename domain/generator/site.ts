/**
 * A fictitious shop and its visitors, hour by hour. Its shape: pages and users by Zipf's law, visits of five
 * clicks on average (one in twenty-five is a bot's, of thirty quick ones), a daily rhythm with its peak at 20 h UTC.
 */
import { Random, zipf } from './random.js';

export interface SiteOptions {
  /** The same seed gives the same clicks, byte for byte. Default 1. */
  readonly seed?: number;
  /** How many records. */
  readonly records: number;
  /** Time of the first hour, ms since 1970. Default 5 January 2026, 0 h UTC. */
  readonly startMs?: number;
  /** Days that the records spread over. Default 7. */
  readonly days?: number;
}

export interface Visit {
  readonly visitor: Visitor;
  readonly session: string;
}
export interface Visitor {
  readonly userId: string | undefined;
  readonly ip: string;
  readonly agent: string;
  readonly country: string | undefined;
}
export interface SiteClick {
  /** ms since 1970. */
  readonly t: number;
  readonly url: string;
  readonly referrer: string | undefined;
  readonly visit: Visit;
}

export const DEFAULT_START_MS = Date.UTC(2026, 0, 5);
const HOUR_MS = 3_600_000;
const PAGES = 400;
const MEAN_CLICKS = 6;
const BOT_SHARE = 0.04;

const COUNTRIES = [
  'US',
  'US',
  'US',
  'DE',
  'DE',
  'FR',
  'GB',
  'GB',
  'IN',
  'BR',
  'JP',
  'NL',
  'CA',
  'ES',
  'PL',
] as const;
const BROWSERS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0',
] as const;
const BOTS = [
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
] as const;
const REFERRERS = ['https://www.google.com/', 'https://duckduckgo.com/', undefined, undefined] as const;

/** Clicks in the order of their time; at least `records` of them, the caller stops. */
export function* siteClicks(options: SiteOptions, random: Random): Generator<SiteClick> {
  const { records, startMs = DEFAULT_START_MS, days = 7 } = options;
  const visitorRank = zipf(Math.max(50, Math.ceil(records / 15)));
  const page = zipf(PAGES);
  const weights = Array.from(
    { length: 24 },
    (_, hour) => 1 + 0.8 * Math.cos(((hour - 20) / 24) * 2 * Math.PI),
  );
  const perWeight = records / MEAN_CLICKS / (days * weights.reduce((sum, weight) => sum + weight, 0));
  let waiting: SiteClick[] = [];
  let owed = 0;
  for (let hour = 0; ; hour++) {
    const begin = startMs + hour * HOUR_MS;
    owed += perWeight * (weights[hour % 24] ?? 1);
    for (; owed >= 1; owed -= 1) {
      waiting.push(...visitClicks(begin + random.below(HOUR_MS), visitorRank, page, random));
    }
    const end = begin + HOUR_MS;
    // Equal times keep their order: sort is stable.
    yield* waiting.filter(({ t }) => t < end).sort((a, b) => a.t - b.t);
    waiting = waiting.filter(({ t }) => t >= end);
  }
}

function visitClicks(
  begin: number,
  visitorRank: (random: Random) => number,
  page: (random: Random) => number,
  random: Random,
): SiteClick[] {
  const isBot = random.chance(BOT_SHARE);
  const visitor = isBot ? bot(random) : person(visitorRank(random));
  const visit = { visitor, session: random.uuid() };
  const count = 1 + Math.floor(random.exponential(isBot ? 29 : 4.5));
  const clicks: SiteClick[] = [];
  let t = begin;
  let referrer: string | undefined = isBot ? undefined : random.pick(REFERRERS);
  for (let i = 0; i < count; i++) {
    const url = pageUrl(page(random));
    clicks.push({ t, url, referrer, visit });
    referrer = isBot ? undefined : `https://shop.example${url}`;
    t += 1 + Math.round(random.exponential(isBot ? 1500 : 60_000));
  }
  return clicks;
}

const SECTIONS = ['books', 'garden', 'kitchen', 'music', 'toys'] as const;

function pageUrl(rank: number): string {
  if (rank === 0) return '/';
  if (rank === 1) return '/search?q=gift';
  return rank <= SECTIONS.length + 1
    ? `/${SECTIONS[rank - 2] ?? ''}/`
    : `/${SECTIONS[rank % SECTIONS.length] ?? ''}/product-${rank}`;
}

/** What a person has for life follows from the rank alone. Two in three log in; one in fifty hides the country. */
function person(rank: number): Visitor {
  const life = new Random(rank * 2_654_435_761 + 17);
  return {
    userId: life.chance(0.67) ? `user-${rank + 1}` : undefined,
    ip: publicAddress(life),
    agent: life.pick(BROWSERS),
    country: life.chance(0.98) ? life.pick(COUNTRIES) : undefined,
  };
}

const bot = (random: Random): Visitor => {
  const life = new Random(random.below(20) + 1_000_003);
  return { userId: undefined, ip: publicAddress(life), agent: life.pick(BOTS), country: 'US' };
};

/** Addresses of ranges that are given out by hand to nobody private. */
const publicAddress = (random: Random): string =>
  [
    random.pick([5, 24, 46, 62, 78, 80, 91, 133, 177, 201, 213]),
    ...[256, 256, 254].map((n) => random.below(n)),
  ].join('.');
