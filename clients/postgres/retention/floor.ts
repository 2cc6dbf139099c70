import type pg from 'pg';

type Queryable = Pick<pg.ClientBase, 'query'>;

/**
 * Begin of the first UTC day that clicks are kept of, in µs since 1970; undefined: no day was ever dropped.
 * It never moves back.
 */
export type Floor = bigint | undefined;

/** Why an event below the floor is filtered. */
export const BEFORE_RETENTION = 'before_retention';

export const isBelow = (timeUs: bigint, floor: Floor): boolean => floor !== undefined && timeUs < floor;

/** In a form that survives JSON and is a timestamptz to PostgreSQL. */
export const floorText = (floor: Floor): string =>
  floor === undefined ? '-infinity' : new Date(Number(floor / 1000n)).toISOString();

const SELECT = `SELECT CASE WHEN isfinite(floor) THEN (extract(epoch FROM floor) * 1000000)::bigint END AS floor
     FROM retention_floor`;

const read = async (client: Queryable, sql: string): Promise<Floor> => {
  const { rows } = await client.query<{ floor: string | null }>(sql);
  const floor = rows[0]?.floor ?? null;
  return floor === null ? undefined : BigInt(floor);
};

export const readFloor = (client: Queryable): Promise<Floor> => read(client, SELECT);

/** Keeps the floor where it is until the transaction ends; what writes clicks or makes a leaf holds it. */
export const holdFloor = (client: Queryable): Promise<Floor> => read(client, `${SELECT} FOR SHARE`);
