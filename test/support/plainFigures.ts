/**
 * Figures from plain loops over clicks: the independent answer that Spark's and PostgreSQL's are compared with. It
 * shares no code with either.
 */

export interface Click {
  /** ISO, in UTC, with up to six digits of a second. */
  readonly time: string;
  readonly url: string;
  readonly country?: string | undefined;
  readonly user?: string | undefined;
  readonly session?: string | undefined;
  readonly bot?: boolean | undefined;
  readonly spentMs?: number | undefined;
  /** A uuid, which orders clicks of the same time; without it they follow in the order given. */
  readonly id?: string | undefined;
}

export interface Figure {
  readonly clicks: number;
  readonly bots: number;
  readonly users: number;
  readonly exact: boolean;
  readonly timed: number;
  readonly totalMs: number;
  readonly avg: number | null;
  readonly median: number | null;
  readonly p90: number | null;
}

export const SESSION_TIMEOUT_MS = 30 * 60_000;
/** Above the hour users are exact up to what a sketch holds. */
const SKETCH_HOLDS = 4096;

/** `grain|window|url|country`; the window is an ISO string, '' for the total. */
export const figureKey = (grain: string, window: string, url: string, country: string): string =>
  [grain, window, url, country].join('|');

/** µs since 1970. */
export function microsOf(time: string): number {
  const [, seconds = '', fraction = ''] = /^([^.]*?)(?:\.(\d+))?Z$/.exec(time) ?? [];
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0'));
}

/** Linear between the two nearest, as spreadsheets do it. */
function percentile(sorted: readonly number[], p: number): number | null {
  if (sorted.length === 0) return null;
  const at = p * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? 0;
  return low + (high - low) * (at - Math.floor(at));
}

/** Each click with the ms spent on it: its own figure, else until the session's next click within the time-out. */
function withTimeSpent(clicks: readonly Click[], timeoutMs: number): [Click, number | undefined][] {
  const ordered = clicks
    .map((click, index) => ({ click, at: microsOf(click.time), id: click.id ?? '', index }))
    .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : a.index - b.index));
  const nextOf = new Map<string, number>();
  return ordered
    .reverse()
    .map(({ click, at }): [Click, number | undefined] => {
      const next = click.session === undefined ? undefined : nextOf.get(click.session);
      if (click.session !== undefined) nextOf.set(click.session, at);
      if (click.spentMs !== undefined) return [click, Math.floor(click.spentMs + 0.5)];
      if (next === undefined || next - at > timeoutMs * 1000) return [click, undefined];
      return [click, Math.floor((next - at) / 1000 + 0.5)];
    })
    .reverse();
}

/** All figures of these clicks, in every grain. */
export function plainFigures(
  clicks: readonly Click[],
  timeoutMs: number = SESSION_TIMEOUT_MS,
): Map<string, Figure> {
  const groups = new Map<
    string,
    { users: Set<string>; times: number[]; clicks: number; bots: number; hour: boolean }
  >();
  for (const [click, spent] of withTimeSpent(clicks, timeoutMs)) {
    const iso = new Date(Math.floor(microsOf(click.time) / 1000)).toISOString();
    const windows = {
      hour: `${iso.slice(0, 13)}:00:00.000Z`,
      day: `${iso.slice(0, 10)}T00:00:00.000Z`,
      month: `${iso.slice(0, 7)}-01T00:00:00.000Z`,
      total: '',
    };
    for (const [grain, window] of Object.entries(windows)) {
      const key = figureKey(grain, window, click.url, click.country ?? 'ZZ');
      const group = groups.get(key) ?? {
        users: new Set(),
        times: [],
        clicks: 0,
        bots: 0,
        hour: grain === 'hour',
      };
      groups.set(key, group);
      group.clicks += 1;
      if (click.bot === true) group.bots += 1;
      if (click.user !== undefined) group.users.add(click.user);
      if (spent !== undefined) group.times.push(spent);
    }
  }
  const figures = new Map<string, Figure>();
  for (const [key, group] of groups) {
    const times = group.times.sort((a, b) => a - b);
    const totalMs = times.reduce((sum, time) => sum + time, 0);
    figures.set(key, {
      clicks: group.clicks,
      bots: group.bots,
      users: group.users.size,
      exact: group.hour || group.users.size <= SKETCH_HOLDS,
      timed: times.length,
      totalMs,
      avg: times.length === 0 ? null : totalMs / times.length,
      median: group.hour ? percentile(times, 0.5) : null,
      p90: group.hour ? percentile(times, 0.9) : null,
    });
  }
  return figures;
}
