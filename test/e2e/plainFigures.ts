/**
 * The figures of an access log computed with plain loops: the independent answer that the pipeline's is
 * compared with. Shares no code with the pipeline; the country comes from the same public database, read
 * through its own reader.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { open, type CountryResponse } from 'maxmind';

const SESSION_TIMEOUT_MS = 30 * 60 * 1000;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const LINE =
  /^(\S+) \S+ \S+ \[(\d+)\/(\w+)\/(\d+):(\d+):(\d+):(\d+) ([+-])(\d\d)(\d\d)\] "\S+ (\S+)(?: [^"]*)?" \d+ \S+ "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)"$/;

export interface PlainFigure {
  readonly clicks: number;
  readonly users: number;
  readonly timed: number;
  readonly totalMs: number;
}
export interface PlainFigures {
  readonly lines: number;
  readonly broken: number;
  /** Key: `grain,window,url,country`; window as ISO with Z and without milliseconds' zeros removed, empty for total. */
  readonly figures: ReadonlyMap<string, PlainFigure>;
}

interface Click {
  readonly t: number;
  readonly id: string;
  readonly url: string;
  readonly user: string;
  readonly country: string;
  spent: number | undefined;
}

/** Reads a plain or gzip access log whose lines all end in a newline. */
export async function plainFigures(file: string): Promise<PlainFigures> {
  const raw = readFileSync(file);
  const bytes = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
  const packageFolder = path.dirname(
    createRequire(import.meta.url).resolve('@ip-location-db/geo-whois-asn-country-mmdb/package.json'),
  );
  const geo = await open<CountryResponse & { country_code?: string }>(
    path.join(packageFolder, 'geo-whois-asn-country.mmdb'),
  );

  const running = createHash('sha256');
  const clicks: Click[] = [];
  let lines = 0;
  let broken = 0;
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(10, start) + 1 || bytes.length;
    running.update(bytes.subarray(start, end));
    const id = running.copy().digest('hex');
    const text = bytes.subarray(start, end).toString('utf8').trimEnd();
    start = end;
    lines++;
    const m = LINE.exec(text);
    if (!m) {
      broken++;
      continue;
    }
    const [
      ,
      ip = '',
      day = '',
      month = '',
      year = '',
      h = '',
      min = '',
      s = '',
      sign,
      zh = '',
      zm = '',
      url = '',
      agent = '',
    ] = m;
    const local = Date.UTC(
      Number(year),
      MONTHS.indexOf(month),
      Number(day),
      Number(h),
      Number(min),
      Number(s),
    );
    const zone = (Number(zh) * 60 + Number(zm)) * 60_000 * (sign === '-' ? -1 : 1);
    clicks.push({
      t: local - zone,
      id: createHash('sha256').update(id).digest('hex'),
      url,
      user: `${ip} ${agent === '-' ? '' : agent}`,
      country: geo.get(ip)?.country_code ?? 'ZZ',
      spent: undefined,
    });
  }

  const sessions = new Map<string, Click[]>();
  for (const click of clicks) {
    const session = sessions.get(click.user);
    if (session) session.push(click);
    else sessions.set(click.user, [click]);
  }
  for (const session of sessions.values()) {
    session.sort((a, b) => a.t - b.t || (a.id < b.id ? -1 : 1));
    session.forEach((click, i) => {
      const next = session[i + 1];
      if (next && next.t - click.t <= SESSION_TIMEOUT_MS) click.spent = next.t - click.t;
    });
  }

  const groups = new Map<string, { clicks: number; users: Set<string>; timed: number; totalMs: number }>();
  for (const click of clicks) {
    const iso = new Date(click.t).toISOString();
    const windows = {
      hour: `${iso.slice(0, 13)}:00:00.000Z`,
      day: `${iso.slice(0, 10)}T00:00:00.000Z`,
      month: `${iso.slice(0, 7)}-01T00:00:00.000Z`,
      total: '',
    };
    for (const [grain, window] of Object.entries(windows)) {
      const key = [grain, window, click.url, click.country].join(',');
      let group = groups.get(key);
      if (!group) groups.set(key, (group = { clicks: 0, users: new Set(), timed: 0, totalMs: 0 }));
      group.clicks++;
      group.users.add(click.user);
      if (click.spent !== undefined) {
        group.timed++;
        group.totalMs += click.spent;
      }
    }
  }
  return {
    lines,
    broken,
    figures: new Map(
      [...groups].map(([key, g]) => [
        key,
        { clicks: g.clicks, users: g.users.size, timed: g.timed, totalMs: g.totalMs },
      ]),
    ),
  };
}
