import type pg from 'pg';
import { leafName, type Day } from './days.js';
import { quoteIdent } from './sql.js';

const UUID_OID = 2950;
const HEADER = 20;
const ELEMENT = 4 + 16;

/** Ids on their way to PostgreSQL as a uuid[] in its binary form: as text they would cost twice as much. */
export class IdArray {
  private readonly bytes: Buffer;
  private at = HEADER;

  constructor(readonly length: number) {
    this.bytes = Buffer.allocUnsafe(HEADER + ELEMENT * length);
    // One dimension, no NULL, the elements' type, how many, the first one's index.
    for (const [i, word] of [1, 0, UUID_OID, length, 1].entries()) this.bytes.writeInt32BE(word, i * 4);
  }

  /** The id of 16 bytes that begins at `from`; to be called `length` times. */
  add(ids: Uint8Array, from: number): void {
    const { bytes } = this;
    bytes.writeInt32BE(16, this.at);
    for (let i = 0, at = this.at + 4; i < 16; i++) bytes[at + i] = ids[from + i] as number;
    this.at += ELEMENT;
  }

  /** As a parameter. */
  get value(): Buffer {
    return this.bytes;
  }
}

/** Places in the array, from 0. */
export interface PresentIds {
  readonly places: Uint32Array;
  /** Those whose click was not yet committed at `since`. */
  readonly recent: Uint32Array;
}

/** The oldest transaction under way that writes: what it and those after it write is not yet committed. */
export async function oldestWriter(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ xid: string }>(
    'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid',
  );
  return rows[0]?.xid ?? '0';
}

/**
 * Which of these ids a day's clicks have. In the leaf itself, and by a scalar subquery: whatever PostgreSQL thinks of
 * the sizes, that is one look into the leaf's unique index for each id, and never a scan of the clicks; quicker where
 * the ids are in order. Places come back as one value: rows would cost more than the looking.
 * @param since an `oldestWriter` from before; undefined: nothing is recent
 */
export async function presentIds(
  client: pg.ClientBase,
  day: Day,
  ids: IdArray,
  since: string | undefined,
): Promise<PresentIds> {
  const { rows } = await client.query<{ places: Buffer | null; recent: Buffer | null }>(
    `SELECT string_agg(int4send(place::int), NULL) AS places,
            string_agg(int4send(place::int), NULL) FILTER (WHERE age <= age($2::xid8::xid)) AS recent
       FROM (SELECT place, (SELECT age(c.xmin) FROM ${quoteIdent(leafName('click_data', day))} c
                             WHERE c.event_id = sent.event_id) AS age
               FROM unnest($1::uuid[]) WITH ORDINALITY AS sent(event_id, place) OFFSET 0) AS found
      WHERE age IS NOT NULL`,
    [ids.value, since ?? null],
  );
  return { places: placesIn(rows[0]?.places), recent: placesIn(rows[0]?.recent) };
}

function placesIn(bytes: Buffer | null | undefined): Uint32Array {
  const found = bytes ?? Buffer.alloc(0);
  return Uint32Array.from({ length: found.length / 4 }, (_, i) => found.readInt32BE(i * 4) - 1);
}
