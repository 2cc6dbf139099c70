/**
 * The errors that people and workflows act on. A class fixes its code and whether a retry can help;
 * `clients/` raise them where the cause is understood, `activities/failure.ts` maps them to Temporal.
 */
export abstract class ClickstreamError extends Error {
  /** Stable name that scripts, retry policies and tests match on. */
  abstract readonly code: string;
  /** Whether the same call can succeed later without anybody changing anything. */
  abstract readonly retryable: boolean;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A setting is wrong: the message names the setting, its file and line, what was expected and what was got. */
export class ConfigurationError extends ClickstreamError {
  readonly code = 'Configuration';
  readonly retryable = false;
}

/** The command line was used wrongly. */
export class UsageError extends ClickstreamError {
  readonly code = 'Usage';
  readonly retryable = false;
}

export type Server = 'Kafka' | 'PostgreSQL' | 'Spark' | 'Elasticsearch' | 'Temporal';

/** A server does not answer, or answered that it cannot now. */
export class ServerUnavailable extends ClickstreamError {
  readonly code = 'ServerUnavailable';
  readonly retryable = true;
  constructor(
    readonly server: Server,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** @param said by PostgreSQL, whoever heard it */
export const postgresDiskFull = (said: string, cause: unknown): ServerUnavailable =>
  new ServerUnavailable(
    'PostgreSQL',
    `PostgreSQL's disk is full: make room there, and it goes on by itself; PostgreSQL said: ${said}`,
    { cause },
  );

/** A server refused us for good: wrong credentials, missing right, unknown topic, missing driver, wrong version. */
export class ServerRefused extends ClickstreamError {
  readonly code = 'ServerRefused';
  readonly retryable = false;
  constructor(
    readonly server: Server,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/**
 * A server broke down under the work itself, as one does whose memory runs out. Another executor or a server that was
 * started again may be up to it, so whoever orders the work tries a few times, then gives it up.
 */
export class ServerExhausted extends ClickstreamError {
  readonly code = 'ServerExhausted';
  readonly retryable = false;
  constructor(
    readonly server: Server,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** The tables are not those of this code: the message says which of the two to upgrade. */
export class SchemaMismatch extends ClickstreamError {
  readonly code = 'SchemaMismatch';
  readonly retryable = false;
}

/** The log no longer holds (or does not yet hold) the next offset, or the topic was made again. */
export class OffsetOutOfRange extends ClickstreamError {
  readonly code = 'OffsetOutOfRange';
  readonly retryable = false;
}

/** A spool file is gone, truncated or was written under another configuration: consume the ranges again. */
export class SpoolLost extends ClickstreamError {
  readonly code = 'SpoolLost';
  readonly retryable = false;
}

/** The spool's disk is full or cannot be written: passes when batches are persisted or somebody makes room. */
export class SpoolUnavailable extends ClickstreamError {
  readonly code = 'SpoolUnavailable';
  readonly retryable = true;
}

/** A record batch that this code cannot read: unknown codec, bad CRC, unknown magic. */
export class UnreadableBatch extends ClickstreamError {
  readonly code = 'UnreadableBatch';
  readonly retryable = false;
}

/** A shard moved nothing for as long as awaitOffsets was told to wait. */
export class ShardStalled extends ClickstreamError {
  readonly code = 'ShardStalled';
  readonly retryable = false;
}

/** A stored figure is damaged: the message names it and the backfill that makes it anew. */
export class FigureDamaged extends ClickstreamError {
  readonly code = 'FigureDamaged';
  readonly retryable = false;
}

/** The aggregation's settings differ from those that the stored figures were computed with: backfill. */
export class FiguresOutdated extends ClickstreamError {
  readonly code = 'FiguresOutdated';
  readonly retryable = false;
}

/** A new index holds other documents than PostgreSQL has figures: it is not put in place of the old one. */
export class IndexDiffers extends ClickstreamError {
  readonly code = 'IndexDiffers';
  readonly retryable = false;
}

/** The view of the index that a reading stood in is no longer kept, or never was: it must begin anew. */
export class CursorExpired extends ClickstreamError {
  readonly code = 'CursorExpired';
  readonly retryable = false;
  constructor(options?: { cause?: unknown }) {
    super('the view of the index that this reading stood in is no longer kept: begin again', options);
  }
}
