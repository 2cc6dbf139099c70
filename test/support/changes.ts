/** Figures of a test's own, sent as the activity sends those of PostgreSQL. */
import type { Client } from '@elastic/elasticsearch';
import { BulkBody, sendBulk, type BulkOptions, type Sent } from '../../clients/elasticsearch/index.js';
import type { Document, FigureRow, Int64, Span } from '../../domain/figure.js';

export interface Change {
  /** Hex. */
  readonly id: string;
  readonly version: string;
  /** Absent: the figure vanished. */
  readonly document?: Document;
}

/** The hex of a text: an id that people can read. */
export const hexId = (text: string): string => Buffer.from(text).toString('hex');

const span = (bytes: Uint8Array): Span => ({ bytes, from: 0, to: bytes.length });
const text = (value: string): Span => span(Buffer.from(value));
const int = (digits = '0'): Int64 => (Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits));

export function rowOf({ id, version, document }: Change): FigureRow {
  return {
    id: span(Buffer.from(id, 'hex')),
    version: int(version),
    deleted: document === undefined,
    grain: document?.grain ?? 'total',
    windowStart: document?.windowStart ?? null,
    url: text(document?.url ?? ''),
    country: text(document?.country ?? ''),
    clickCount: int(document?.clickCount),
    botClicks: int(document?.botClicks),
    uniqueUsers: int(document?.uniqueUsers),
    uniqueUsersExact: document?.uniqueUsersExact ?? false,
    timedClicks: int(document?.timedClicks),
    totalTimeSpentMs: int(document?.totalTimeSpentMs),
    avgTimeSpentMs: document?.avgTimeSpentMs ?? null,
    medianTimeSpentMs: document?.medianTimeSpentMs ?? null,
    p90TimeSpentMs: document?.p90TimeSpentMs ?? null,
  };
}

export function bodyOf(changes: readonly Change[]): BulkBody {
  const body = new BulkBody();
  for (const change of changes) body.add(rowOf(change));
  return body;
}

export const sendChanges = (
  client: Client,
  target: { readonly index: string },
  changes: readonly Change[],
  options: BulkOptions,
): Promise<Sent> => sendBulk(client, target, bodyOf(changes), options);
