/** The analysis page's server: its files and three GET endpoints over one installation's index, read-only. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Logger } from '../../domain/logger.js';
import { figures, figuresCsv, overview, top, type Index } from './answers.js';
import { failureOf, type Failure } from './failure.js';
import type { FreshnessSource } from './freshness.js';
import { BadParameter, readParameters } from './parameters.js';
import type { StaticFile } from './staticFiles.js';
import { createTurns, type InTurn } from './turns.js';

/** A page's opening is three requests; each is several searches, of which a small node runs as many as it has cores. */
const QUESTIONS = { atOnce: 4, waiting: 32 };
/** An export reads for as long as its reader takes. */
const EXPORTS = { atOnce: 2, waiting: 8 };
/** Bytes: a URL as long as may be asked for and a cursor that holds another, both percent-encoded. */
const LONGEST_REQUEST = 256 * 1024;

export interface WebOptions {
  readonly index: Index;
  readonly freshness: FreshnessSource;
  readonly files: ReadonlyMap<string, StaticFile>;
  /** Names that a request's Host may have; undefined: any. */
  readonly hosts?: ReadonlySet<string>;
  readonly logger: Logger;
}

const ALWAYS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
};
const JSON_TYPE = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' };

/** The name in a Host header, without its port. */
function hostOf({ headers }: IncomingMessage): string {
  return (headers.host ?? '').replace(/:\d*$/, '').toLowerCase();
}

function send(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { ...JSON_TYPE, 'Content-Length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

function sendFailure(response: ServerResponse, { status, error, retryAfter }: Failure): void {
  send(response, status, { error }, retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) });
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: StaticFile): void {
  if (request.headers['if-none-match'] === file.headers['ETag']) {
    response.writeHead(304, file.headers).end();
    return;
  }
  const isPacked = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  const body = isPacked ? file.gzip : file.content;
  response.writeHead(200, {
    ...file.headers,
    'Content-Length': body.length,
    ...(isPacked && { 'Content-Encoding': 'gzip' }),
  });
  response.end(body);
}

/** The file begins when the index has answered; a failure afterwards cuts it short, which the reader notices. */
async function sendCsv(
  { method }: IncomingMessage,
  response: ServerResponse,
  name: string,
  parts: AsyncGenerator<string>,
): Promise<void> {
  const first = await parts.next();
  response.writeHead(200, {
    'Content-Type': 'text/csv; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Disposition': `attachment; filename="${name}-figures.csv"`,
  });
  if (method === 'HEAD') {
    await parts.return(undefined);
    response.end();
    return;
  }
  async function* all(): AsyncGenerator<string> {
    if (!first.done) yield first.value;
    yield* parts;
  }
  await pipeline(Readable.from(all()), response);
}

const OVERVIEW = '/api/overview';
const TOP = '/api/top';
const PATHS: ReadonlySet<string> = new Set([OVERVIEW, TOP, '/api/figures']);

interface Turns {
  readonly question: InTurn;
  readonly export: InTurn;
}

async function answer(
  options: WebOptions,
  turns: Turns,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { index, files, freshness, hosts } = options;
  if (hosts !== undefined && !hosts.has(hostOf(request))) {
    const message = `this server is ${[...hosts][0]}, not ${hostOf(request)}; --allow-host adds a name`;
    return sendFailure(response, { status: 421, error: { message } });
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const message = 'only GET and HEAD are answered';
    return send(response, 405, { error: { message } }, { Allow: 'GET, HEAD' });
  }
  // Not resolved against the base: `//name` would be a host.
  const { pathname, search } = new URL(`http://host${request.url ?? '/'}`);
  const file = files.get(pathname);
  if (file) return sendFile(request, response, file);
  if (!PATHS.has(pathname))
    return sendFailure(response, { status: 404, error: { message: `there is no ${pathname} here` } });
  const params = readParameters(search.slice(1));
  const sendAnswer = async (work: () => Promise<object>): Promise<void> =>
    send(response, 200, await turns.question(signal, work));
  if (pathname === OVERVIEW) return sendAnswer(() => overview(index, params, () => freshness.read(), signal));
  if (pathname === TOP) return sendAnswer(() => top(index, params, signal));
  const format = params.get('format');
  if (format === null) return sendAnswer(() => figures(index, params, signal));
  if (format !== 'csv') throw new BadParameter('format', 'expected csv, or nothing for JSON');
  const parts = figuresCsv(index, params, signal);
  return turns.export(signal, () => sendCsv(request, response, index.name, parts));
}

/** Not listening yet. */
export function createWebServer(options: WebOptions): Server {
  const turns = {
    question: createTurns(QUESTIONS.atOnce, QUESTIONS.waiting),
    export: createTurns(EXPORTS.atOnce, EXPORTS.waiting),
  };
  return createServer({ maxHeaderSize: LONGEST_REQUEST }, (request, response) => {
    for (const [name, value] of Object.entries(ALWAYS)) response.setHeader(name, value);
    const gone = new AbortController();
    response.on('close', () => gone.abort(new Error('the reader went away')));
    answer(options, turns, request, response, gone.signal).catch((e: unknown) => {
      if (gone.signal.aborted) return;
      const failure = failureOf(e);
      if (failure.status === 500) options.logger.error({ err: e }, 'a request failed');
      if (response.headersSent) response.destroy();
      else sendFailure(response, failure);
    });
  });
}
