import type { Grain } from './names.js';

/** A figure as a document holds it; 64-bit integers are decimal text, because a JavaScript number rounds them. */
export interface Document {
  readonly grain: Grain;
  /** ISO with Z; null for the total. */
  readonly windowStart: string | null;
  readonly url: string;
  readonly country: string;
  readonly clickCount: string;
  readonly botClicks: string;
  readonly uniqueUsers: string;
  readonly uniqueUsersExact: boolean;
  readonly timedClicks: string;
  readonly totalTimeSpentMs: string;
  readonly avgTimeSpentMs: number | null;
  readonly medianTimeSpentMs: number | null;
  readonly p90TimeSpentMs: number | null;
  /** Also the document's external version. */
  readonly version: string;
}

/** A part of some bytes. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** A whole number of 64 bits; a bigint where a JavaScript number would round it. */
export type Int64 = number | bigint;

/**
 * A figure or a tombstone on its way into the index: texts are UTF-8 that lies somewhere, so that millions of them
 * pass without a string or an object of their own.
 */
export interface FigureRow {
  /** figure_id, which is the document's `_id` in hex. */
  readonly id: Span;
  /** Also the document's external version. */
  readonly version: Int64;
  /** The figure vanished; of the rest only the grain counts. */
  readonly deleted: boolean;
  readonly grain: Grain;
  /** ISO with Z; null for the total. */
  readonly windowStart: string | null;
  readonly url: Span;
  readonly country: Span;
  readonly clickCount: Int64;
  readonly botClicks: Int64;
  readonly uniqueUsers: Int64;
  readonly uniqueUsersExact: boolean;
  readonly timedClicks: Int64;
  readonly totalTimeSpentMs: Int64;
  readonly avgTimeSpentMs: number | null;
  readonly medianTimeSpentMs: number | null;
  readonly p90TimeSpentMs: number | null;
}

/** A figure that the index refused for what it is. */
export interface Rejected {
  readonly id: string;
  readonly version: string;
  /** Elasticsearch's status of the item. */
  readonly status: number;
  readonly reason: string;
}
