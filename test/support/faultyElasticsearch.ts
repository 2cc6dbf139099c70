/** A proxy in front of the real Elasticsearch that does to single requests what networks, proxies and full queues do. */
import { once } from 'node:events';
import {
  createServer,
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a rule sees of a request. */
export interface Seen {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  /** Of the body. */
  readonly bytes: number;
  /** How many requests of the same method and path came so far, this one included. */
  readonly nth: number;
}

/**
 * - `status`: the proxy answers so, and the server hears nothing.
 * - `reset`: `before` the server hears anything, in the `middle` of the body, or `after` the server took it, before
 *   its answer.
 * - `truncate`: the answer ends in its middle, as the headers did not say.
 * - `queueFull`: the server gets every second item of a bulk; the others come back as from a full write queue.
 * - `hold`: nothing goes to the server before this resolves.
 * - `timedOut`: the answer says that the search ran out of its time.
 * - `holdAnswer`: the server's answer waits until this resolves.
 */
export type Fault =
  | { readonly status: number }
  | { readonly reset: 'before' | 'middle' | 'after' }
  | 'truncate'
  | 'queueFull'
  | 'timedOut'
  | { readonly hold: Promise<unknown> }
  | { readonly holdAnswer: Promise<unknown> };

export interface FaultyElasticsearch {
  readonly url: string;
  /** Of every request that a fault was done to. */
  readonly faults: number;
  /** Largest body so far, bytes. */
  readonly largest: number;
  /** Most requests under way at once so far. */
  readonly concurrent: number;
  /** Items of bulk answers so far that the server itself refused with this status. */
  refusedItems(status: number): number;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer goes on in one piece, whatever pieces the server sent it in. */
const headersOf = ({ headers, body }: Answer): IncomingHttpHeaders => {
  const kept = { ...headers, 'content-length': String(body.length) };
  delete kept['transfer-encoding'];
  return kept;
};

const JSON_ANSWER = { 'x-elastic-product': 'Elasticsearch', 'content-type': 'application/json' };

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** @param target the real server's URL @param rule asked for each request, in the order of their ends */
export async function faultyElasticsearch(
  target: string,
  rule: (request: Seen) => Fault | undefined,
): Promise<FaultyElasticsearch> {
  const { hostname, port } = new URL(target);
  const counts = new Map<string, number>();
  const refused = new Map<number, number>();
  let [faults, largest, concurrent, underWay] = [0, 0, 0, 0];

  const forward = (from: IncomingMessage, body: Buffer): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const headers = { ...from.headers, host: `${hostname}:${port}`, 'content-length': body.length };
      const outgoing = ask({ hostname, port, method: from.method, path: from.url, headers }, (answer) => {
        bodyOf(answer).then(
          (bytes) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: bytes }),
          reject,
        );
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    });

  /** Half of the body, and then nothing: the server sees a client that vanished. */
  const cutInTheMiddle = async (from: IncomingMessage, body: Buffer): Promise<void> => {
    const headers = { ...from.headers, host: `${hostname}:${port}`, 'content-length': body.length };
    const outgoing = ask({ hostname, port, method: from.method, path: from.url, headers });
    outgoing.on('error', () => undefined);
    await new Promise((resolve) => outgoing.write(body.subarray(0, body.length >> 1), resolve));
    outgoing.destroy();
  };

  const serve = async (from: IncomingMessage, to: ServerResponse): Promise<void> => {
    const body = await bodyOf(from);
    const [path = ''] = (from.url ?? '').split('?');
    const method = from.method ?? '';
    const key = `${method} ${path}`;
    const nth = (counts.get(key) ?? 0) + 1;
    counts.set(key, nth);
    largest = Math.max(largest, body.length);
    const fault = rule({ method, path, bytes: body.length, nth });
    if (fault !== undefined) faults += 1;
    const reset = (): void => void from.socket.resetAndDestroy();
    const pass = async (sent = body): Promise<Answer> => {
      const answer = await forward(from, sent);
      for (const status of itemStatuses(path, answer)) refused.set(status, (refused.get(status) ?? 0) + 1);
      return answer;
    };
    const send = (answer: Answer): void => {
      to.writeHead(answer.status, headersOf(answer));
      to.end(answer.body);
    };
    if (fault === undefined) return send(await pass());
    if (fault === 'truncate') {
      const answer = await pass();
      to.writeHead(answer.status, headersOf(answer));
      to.write(answer.body.subarray(0, answer.body.length >> 1), () => from.socket.destroy());
    } else if (fault === 'timedOut') {
      const answer = await pass();
      const body = answer.body.toString().replace('"timed_out":false', '"timed_out":true');
      send({ ...answer, body: Buffer.from(body) });
    } else if (fault === 'queueFull') {
      await halfOf(body, pass).then(send);
    } else if ('status' in fault) {
      to.writeHead(fault.status, JSON_ANSWER);
      to.end('{"error":{"type":"intercepted","reason":"by the test"}}');
    } else if ('reset' in fault) {
      if (fault.reset === 'middle') await cutInTheMiddle(from, body);
      if (fault.reset === 'after') await pass();
      reset();
    } else if ('hold' in fault) {
      await fault.hold;
      send(await pass());
    } else {
      const answer = await pass();
      await fault.holdAnswer;
      send(answer);
    }
  };

  const server = createServer((from, to) => {
    underWay += 1;
    concurrent = Math.max(concurrent, underWay);
    serve(from, to)
      .catch(() => from.socket.destroy())
      .finally(() => (underWay -= 1));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get faults() {
      return faults;
    },
    get largest() {
      return largest;
    },
    get concurrent() {
      return concurrent;
    },
    refusedItems: (status) => refused.get(status) ?? 0,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface BulkAnswer {
  readonly items?: readonly Readonly<Record<string, { readonly status: number; readonly error?: unknown }>>[];
}

function itemStatuses(path: string, { body }: Answer): number[] {
  if (!path.endsWith('/_bulk')) return [];
  const { items = [] } = JSON.parse(body.toString()) as BulkAnswer;
  return items.flatMap((item) => Object.values(item).flatMap((one) => (one.error ? [one.status] : [])));
}

/** The actions of a bulk body, each with its document, if it has one. */
function actionsOf(body: string): { readonly kind: string; readonly lines: string }[] {
  const actions: { kind: string; lines: string }[] = [];
  const lines = body.split('\n').filter((line) => line !== '');
  for (let at = 0; at < lines.length; at += 1) {
    const head = lines[at] ?? '';
    const kind = head.startsWith('{"delete"') ? 'delete' : 'index';
    const document = kind === 'index' ? `${lines[(at += 1)] ?? ''}\n` : '';
    actions.push({ kind, lines: `${head}\n${document}` });
  }
  return actions;
}

async function halfOf(body: Buffer, pass: (sent: Buffer) => Promise<Answer>): Promise<Answer> {
  const actions = actionsOf(body.toString());
  const taken = actions.filter((_, i) => i % 2 === 1);
  const full = {
    type: 'es_rejected_execution_exception',
    reason: 'rejected execution of coordinating operation',
  };
  const answer =
    taken.length > 0
      ? await pass(Buffer.from(taken.map(({ lines }) => lines).join('')))
      : { status: 200, headers: JSON_ANSWER, body: Buffer.from('{"items":[]}') };
  const { items = [] } = JSON.parse(answer.body.toString()) as BulkAnswer;
  const all = actions.map(({ kind }, i) =>
    i % 2 === 1 ? items[i >> 1] : { [kind]: { status: 429, error: full } },
  );
  return { ...answer, body: Buffer.from(JSON.stringify({ items: all })) };
}
