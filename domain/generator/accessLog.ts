/** The same shop's visits as its web server would log them, in the format "combined". */
import { Random } from './random.js';
import { siteClicks, type SiteOptions } from './site.js';

/** One line in so many is cut off in its user agent, as a full disk leaves it. */
export const BROKEN_EVERY = 2_500;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const STATUSES = [200, 200, 200, 200, 200, 200, 304, 301, 404] as const;

/** Lines without line ends; `records` of them. Line numbers that BROKEN_EVERY divides are broken. */
export function* generateAccessLog(options: SiteOptions): Generator<string> {
  const random = new Random(options.seed ?? 1);
  let line = 0;
  for (const { t, url, referrer, visit } of siteClicks(options, random)) {
    if (line++ >= options.records) return;
    const { ip, agent } = visit.visitor;
    const status = random.pick(STATUSES);
    const bytes = status === 304 ? '-' : 200 + random.below(60_000);
    const whole = `${ip} - - [${logTime(t)}] "GET ${url} HTTP/1.1" ${status} ${bytes} "${referrer ?? '-'}" "${agent}"`;
    yield line % BROKEN_EVERY === 0 ? whole.slice(0, -10) : whole;
  }
}

function logTime(t: number): string {
  const date = new Date(t);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()] ?? ''}/${date.getUTCFullYear()}`;
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':');
  return `${day}:${time} +0000`;
}
