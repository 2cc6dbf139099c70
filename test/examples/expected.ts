/** What becomes of each example's sample: for the decoder alone, and for the chain. */
export interface Example {
  /** Of `examples/<name>.yaml` and `examples/samples/<name>.ndjson`. */
  readonly name: string;
  readonly records: number;
  readonly clicks: number;
  readonly duplicates: number;
  readonly filtered: number;
  /** `reason field` of each dead letter, in the sample's order; `reason` alone where the record is no event. */
  readonly deadLetters: readonly string[];
  /** Columns of the `click`-th click (from 0), as they are stored. */
  readonly stored: readonly (readonly [click: number, column: string, value: unknown])[];
  /** Clicks, people, timed clicks and total time in ms of `[url, country]`, all time. */
  readonly figures: readonly (readonly [
    url: string,
    country: string,
    clicks: number,
    people: number,
    timed: number,
    timeMs: number,
  ])[];
}

export const EXAMPLES: readonly Example[] = [
  {
    name: 'access-log',
    records: 16,
    clicks: 9,
    duplicates: 0,
    filtered: 3,
    deadLetters: [
      'missing_required click_data.url',
      'wrong_type click_data.bytes',
      'unparsable_time event.time',
      'not_json',
    ],
    stored: [
      [0, 'event_time', 1741939200000000n],
      [2, 'click_data.search', 'cedar'],
      [2, 'click_data.referrer_host', 'garden.example'],
      [4, 'click_data.bytes', null],
      [6, 'click_data.user_id', 'ada'],
      [7, 'click_data.is_bot', true],
    ],
    figures: [
      ['/', 'ZZ', 3, 3, 3, 130_000],
      ['/garden/', 'ZZ', 2, 2, 2, 101_000],
      ['/account', 'ZZ', 1, 1, 0, 0],
    ],
  },
  {
    name: 'snowplow',
    records: 19,
    clicks: 9,
    duplicates: 2,
    filtered: 3,
    deadLetters: [
      'missing_required click_data.url',
      'unparsable_time event.time',
      'wrong_type geo_data.latitude',
      'wrong_type click_data.is_bot',
      'not_json',
    ],
    stored: [
      [1, 'click_data.campaign', 'spring'],
      [1, 'click_data.referrer_host', 'news.example'],
      [3, 'user_agent_data.browser', 'Chrome'],
      [5, 'click_data.is_bot', false],
      [6, 'click_data.is_bot', true],
      [7, 'click_data.user_id', 'n-5'],
      [8, 'event_time', 1741947660500000n],
    ],
    figures: [
      ['https://garden.example/', 'NL', 2, 2, 2, 75_000],
      ['https://garden.example/', 'ZZ', 1, 1, 1, 1_000],
      ['https://garden.example/cart', 'NL', 1, 1, 1, 90_000],
    ],
  },
  {
    name: 'ga4',
    records: 18,
    clicks: 8,
    duplicates: 2,
    filtered: 4,
    deadLetters: [
      'missing_required click_data.url',
      'unparsable_time event.time',
      'impossible_time event.time',
      'wrong_type click_data.engagement_ms',
    ],
    stored: [
      [0, 'event_time', 1741946401000123n],
      [0, 'click_data.referrer_host', 'search.example'],
      [1, 'click_data.engagement_ms', 30_000n],
      [2, 'click_data.campaign', 'spring'],
      [5, 'click_data.campaign', 'letter'],
      [3, 'geo_data.city', null],
      [6, 'click_data.url', 'app:Catalogue'],
      [6, 'geo_data.country', null],
    ],
    figures: [
      ['https://garden.example/', 'Germany', 2, 1, 1, 30_000],
      ['https://garden.example/tools/', 'Spain', 1, 1, 1, 30_000],
      ['app:Catalogue', 'ZZ', 1, 1, 0, 0],
    ],
  },
  {
    name: 'shop',
    records: 20,
    clicks: 9,
    duplicates: 2,
    filtered: 3,
    deadLetters: [
      'missing_required click_data.url',
      'wrong_type click_data.price',
      'wrong_type click_data.session_id',
      'unparsable_time event.time',
      'wrong_type click_data.is_bot',
      'not_json',
    ],
    stored: [
      [0, 'click_data.url', '/category/0'],
      [0, 'event_time', 1741942800000000n],
      [1, 'click_data.price', 28],
      [1, 'click_data.colours', '["blue","white"]'],
      [5, 'click_data.price', 0],
      [5, 'click_data.currency', 'CZK'],
      [6, 'click_data.currency', 'PLN'],
      [6, 'geo_data.country', null],
      [7, 'event_time', 1743298200000000n],
    ],
    figures: [
      ['/product/A13', 'PL', 1, 0, 1, 40_000],
      ['/product/B2', 'PL', 1, 0, 1, 4_500],
      ['/product/C8', 'ZZ', 1, 0, 0, 0],
    ],
  },
  {
    name: 'short-links',
    records: 19,
    clicks: 9,
    duplicates: 2,
    filtered: 2,
    deadLetters: [
      'missing_required click_data.url',
      'impossible_time event.time',
      'unparsable_time event.time',
      'wrong_type click_data.known',
      'wrong_type geo_data.latitude',
      'lone_surrogate click_data.url',
    ],
    stored: [
      [0, 'click_data.link', 'https://go.example/a1B'],
      [0, 'click_data.referrer', null],
      [0, 'geo_data.latitude', 54.32],
      [1, 'click_data.known', true],
      [2, 'click_data.referrer_host', 'social.example'],
      [5, 'geo_data.latitude', null],
      [7, 'click_data.url', 'https://garden.example/private'],
      [8, 'click_data.user_id', null],
    ],
    figures: [
      ['https://garden.example/sheds', 'DE', 4, 2, 0, 0],
      ['https://garden.example/sheds', 'FR', 1, 1, 0, 0],
      ['https://garden.example/letter', 'ZZ', 2, 1, 0, 0],
    ],
  },
];
