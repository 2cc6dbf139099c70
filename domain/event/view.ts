import type { Enrichment, NamedPlace } from '../config/config.js';
import { firstAddress } from './address.js';
import type { Lookup } from './lookup.js';
import type { JsonObject } from './parseRecord.js';
import { Rejection } from './rejection.js';
import { checkText } from './text.js';
import type { Enrichers, KafkaRecord, RecordSource } from './types.js';
import { splitUrl, type UrlParts } from './url.js';
import { urlField } from './urlFields.js';

/** A place compiled; undefined: no value there, a Rejection: one that cannot be read. */
export type Read = (event: EventView) => unknown;

/** What the enrichments of a mapping are made from. */
export interface Inputs {
  readonly address: Lookup;
  readonly agent: Lookup;
  readonly referrer: Lookup;
  /** The value of the column with the role url. */
  readonly url: Read;
}

const NOT_YET = Symbol('not yet');
type Lazy<T> = T | typeof NOT_YET;

/**
 * The event that is being decoded, with its enrichments, each made at most once and only when asked for. One view
 * serves a decoder for all its events, one after the other: `begin` forgets the one before.
 */
export class EventView {
  json: JsonObject = {};
  private record: KafkaRecord = NO_RECORD;
  private source: RecordSource = { sourceId: 0 };
  private readonly parsed: unknown[] = [];
  private addressText: Lazy<string | undefined> = NOT_YET;
  private agentText: Lazy<string | undefined> = NOT_YET;
  private geoFields: Lazy<ReturnType<Enrichers['geoip']>> = NOT_YET;
  private agentFields: Lazy<ReturnType<Enrichers['ua']> | undefined> = NOT_YET;
  private urlValue: Lazy<unknown> = NOT_YET;
  private urlParts: Lazy<UrlParts | undefined> = NOT_YET;
  private referrerParts: Lazy<UrlParts | undefined> = NOT_YET;

  constructor(
    private readonly inputs: Inputs,
    private readonly enrich: Enrichers,
  ) {}

  begin(json: JsonObject, record: KafkaRecord, source: RecordSource): void {
    this.json = json;
    this.record = record;
    this.source = source;
    this.parsed.length = 0;
    this.addressText = NOT_YET;
    this.agentText = NOT_YET;
    this.geoFields = NOT_YET;
    this.agentFields = NOT_YET;
    this.urlValue = NOT_YET;
    this.urlParts = NOT_YET;
    this.referrerParts = NOT_YET;
  }

  /** JSON inside text, parsed once for all places that lead into it. @param slot the text's number */
  parse(slot: number, read: Read): unknown {
    if (!(slot in this.parsed)) this.parsed[slot] = parseInner(read(this));
    return this.parsed[slot];
  }

  /** The value of the column with the role url, as it will be stored; undefined when it has none. */
  url(): unknown {
    if (this.urlValue === NOT_YET) this.urlValue = this.inputs.url(this);
    return this.urlValue;
  }

  urlSplit(): UrlParts | undefined {
    if (this.urlParts === NOT_YET) {
      const url = this.url();
      this.urlParts = typeof url === 'string' ? splitUrl(url) : undefined;
    }
    return this.urlParts;
  }

  referrerSplit(): UrlParts | undefined {
    if (this.referrerParts === NOT_YET) {
      const referrer = text(this.inputs.referrer.find(this));
      this.referrerParts =
        referrer === undefined || checkText(referrer) !== undefined ? undefined : splitUrl(referrer);
    }
    return this.referrerParts;
  }

  geo(): ReturnType<Enrichers['geoip']> {
    if (this.geoFields === NOT_YET) {
      const address = this.address();
      this.geoFields = address === undefined ? undefined : this.enrich.geoip(address);
    }
    return this.geoFields;
  }

  ua(): ReturnType<Enrichers['ua']> | undefined {
    if (this.agentFields === NOT_YET) {
      const agent = this.agent();
      this.agentFields = agent === undefined ? undefined : this.enrich.ua(agent);
    }
    return this.agentFields;
  }

  /** An address that is hashed, or none of the internet, tells visitors apart as well. */
  visitor(): string | undefined {
    const address = this.address();
    return address === undefined ? undefined : this.enrich.visitor(address, this.agent() ?? '');
  }

  kafka(field: string): unknown {
    const { partition, offset, timestampMs, key } = this.record;
    switch (field) {
      case 'topic':
        return this.source.topic;
      case 'partition':
        return partition;
      case 'offset':
        return offset;
      case 'timestamp':
        return timestampMs < 0 ? undefined : BigInt(Math.trunc(timestampMs)) * 1000n;
      default:
        return key === null ? undefined : keyText(key);
    }
  }

  private address(): string | undefined {
    if (this.addressText === NOT_YET) {
      const list = text(this.inputs.address.find(this));
      this.addressText = list === undefined ? undefined : firstAddress(list) || undefined;
    }
    return this.addressText;
  }

  private agent(): string | undefined {
    if (this.agentText === NOT_YET) this.agentText = text(this.inputs.agent.find(this));
    return this.agentText;
  }
}

const NO_RECORD: KafkaRecord = { partition: 0, offset: 0n, timestampMs: -1, key: null, value: null };

/** An address, agent or referrer of another type feeds no enrichment, and loses no click. */
const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** The way to a field of an enrichment, chosen once. */
export function compileEnrichment({ enrichment, field }: NamedPlace & { kind: 'enrichment' }): Read {
  return READS[enrichment](field);
}

const READS: Readonly<Record<Enrichment, (field: string) => Read>> = {
  $geoip: (field) => (event) => event.geo()?.[field as 'country'],
  $ua: (field) => (event) => event.ua()?.[field as 'browser'],
  $url: (field) => {
    const read = urlField(field);
    return (event) => {
      const parts = event.urlSplit();
      return parts === undefined ? undefined : read(parts);
    };
  },
  $referrer: (field) => {
    const read = urlField(field);
    return (event) => {
      const parts = event.referrerSplit();
      return parts === undefined ? undefined : read(parts);
    };
  },
  $kafka: (field) => (event) => event.kafka(field),
  $visitor: () => (event) => event.visitor(),
};

/** An object or array that was sent as such stands for itself. */
function parseInner(value: unknown): unknown {
  if (value === undefined || value instanceof Rejection) return value;
  if (typeof value === 'object') return value;
  if (typeof value !== 'string') return NO_JSON;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    // V8's message quotes the text: it stays here.
    return NO_JSON;
  }
}

const NO_JSON = new Rejection('wrong_type', 'expected JSON inside text, got text that is none');

const utf8 = new TextDecoder('utf-8', { fatal: true });

function keyText(key: Uint8Array): string | Rejection {
  try {
    return utf8.decode(key);
  } catch {
    return new Rejection('invalid_utf8', 'expected a key in UTF-8, got other bytes');
  }
}
