/**
 * The parsed configuration: what the rest of the code trusts. Made by `parseConfig` from one YAML file;
 * addresses and secrets are not in it, they come from the environment (`parseServers`).
 */
import type { Family } from '../names.js';

export type ColumnType =
  'text' | 'integer' | 'bigint' | 'double' | 'boolean' | 'timestamptz' | 'date' | 'inet' | 'uuid' | 'jsonb';

export type Enrichment = '$geoip' | '$ua' | '$url' | '$referrer' | '$kafka' | '$visitor';

/**
 * An object's key or an array's index; or the first element of an array whose member `member` is `equals`
 * (numbers and booleans compared as text).
 */
export type PathStep = string | { readonly member: string; readonly equals: string };

/** What text can spell: a nested path, or an enrichment and the field of it ('' for `$visitor`). */
export type NamedPlace =
  | { readonly kind: 'path'; readonly path: readonly PathStep[] }
  | { readonly kind: 'enrichment'; readonly enrichment: Enrichment; readonly field: string };

export type Scalar = string | number | boolean;

/** One place to take a value from; the first place that has a value wins. */
export type Place =
  | NamedPlace
  /** JSON inside text: `in` is where the text is, `path` leads on inside of it. */
  | { readonly kind: 'json'; readonly in: NamedPlace; readonly path: readonly PathStep[] }
  | { readonly kind: 'const'; readonly value: Scalar }
  /** Texts and placeholders by turns. */
  | {
      readonly kind: 'template';
      readonly written: string;
      readonly parts: readonly (string | NamedPlace)[];
    };

/** What an event must be to be taken; others are filtered: counted, and kept nowhere. */
export type Condition =
  | { readonly kind: 'present'; readonly place: Place }
  /** The value, as text, is one of these. */
  | { readonly kind: 'in'; readonly place: Place; readonly texts: readonly string[] }
  | { readonly kind: 'not'; readonly condition: Condition };

export interface Column {
  readonly family: Family;
  readonly name: string;
  readonly type: ColumnType;
  readonly required: boolean;
  readonly from: readonly Place[];
}

export type NamedTimeFormat = 'iso' | 'epoch_s' | 'epoch_ms' | 'epoch_us';
/** A pattern is written as in `dd/MMM/yyyy:HH:mm:ss Z`. */
export type TimeFormat = NamedTimeFormat | { readonly pattern: string };

/** How times are written; `zone` is that of times which name none: UTC, `+05:30` or an IANA name. */
export interface TimeSpelling {
  readonly formats: readonly TimeFormat[];
  readonly zone: string;
}

export interface EventMapping {
  readonly value: 'json';
  /** All must hold; judged before anything is validated. */
  readonly where: readonly Condition[];
  /** Spellings that count as missing, besides JSON null and absence. */
  readonly nulls: readonly string[];
  readonly id: readonly Place[];
  readonly time: { readonly from: readonly Place[] } & TimeSpelling;
  readonly address: readonly Place[];
  readonly agent: readonly Place[];
  readonly referrer: readonly Place[];
  readonly normalizeUrl: boolean;
}

/** Which click_data / geo_data column plays which part; absent where the source has none. */
export interface Roles {
  readonly url: Column;
  readonly user?: Column;
  readonly session?: Column;
  readonly timeSpent?: Column;
  readonly bot?: Column;
  readonly country?: Column;
}

export interface Config {
  readonly name: string;
  readonly kafka: {
    readonly topics: readonly string[];
    /** Only where PostgreSQL has no offset yet. A time is an ISO string with zone. */
    readonly start: 'earliest' | 'latest' | { readonly time: string };
    /** Absent: a missing topic is an error. */
    readonly create?: { readonly partitions: number };
  };
  readonly ingest: {
    /** Absent: min(partitions, 2). */
    readonly shards?: number;
    readonly batch: { readonly records: number; readonly bytes: number; readonly waitMs: number };
    readonly spool: { readonly dir?: string; readonly bytes: number };
  };
  readonly event: EventMapping;
  readonly families: Readonly<Record<Family, readonly Column[]>>;
  readonly roles: Roles;
  readonly analyze: {
    readonly scheduleMs: number;
    readonly workflow: 'pipeline' | 'analyze';
    readonly sessionTimeoutMs: number;
    /** How long indexMetrics tries before a run ends as `aggregated, index behind`. */
    readonly indexPatienceMs: number;
  };
  /** Whole UTC days; absent: never. */
  readonly retention: { readonly clickDays?: number; readonly deadLetterDays?: number };
  readonly temporal: { readonly searchAttributes: boolean };
}

/**
 * Addresses and secrets, from the environment first, server by server, then from servers.json. Made by
 * `parseServers`: asking for a server that nobody named throws ConfigurationError (`hasServer` asks first).
 * Every `ca`, `cert` and `key` is PEM text.
 */
export interface Servers {
  readonly kafka: {
    readonly brokers: readonly string[];
    readonly ssl: boolean | { readonly ca?: string };
    readonly sasl?: {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    };
  };
  /** A connection string; undefined: pg's own PG* variables. */
  readonly postgres: { readonly url?: string };
  readonly spark: { readonly remote: string; readonly jdbcUrl?: string };
  readonly elasticsearch: {
    readonly url: string;
    readonly apiKey?: string;
    readonly username?: string;
    readonly password?: string;
    readonly ca?: string;
  };
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly apiKey?: string;
    readonly tls?:
      | { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly serverName?: string }
      | true;
    /** Address of the web UI, when known. */
    readonly uiUrl?: string;
  };
  /** Key of `$visitor`; absent: the one that migrate made and keeps in PostgreSQL. */
  readonly visitorKey?: string;
}
