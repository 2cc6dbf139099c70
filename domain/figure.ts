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

/** A figure or a tombstone, on its way into the index. */
export interface Change {
  /** The document's `_id`: figure_id in hex. */
  readonly id: string;
  readonly version: string;
  /** Absent: the figure vanished. */
  readonly document?: Document;
}

/** A change that the index refused for what it is. */
export interface Rejected {
  readonly id: string;
  readonly version: string;
  /** Elasticsearch's status of the item. */
  readonly status: number;
  readonly reason: string;
}
