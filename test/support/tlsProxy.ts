/** TLS before a server without, as a proxy gives it to Spark Connect, with an authority of the test's own. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { createServer } from 'node:tls';

export interface TlsProxy {
  readonly port: number;
  /** PEM file of the authority that signed the certificate. */
  readonly authority: string;
  close(): void;
}

/** @param folder where keys and certificates are made @param target `host:port` */
export async function startTlsProxy(folder: string, target: string): Promise<TlsProxy> {
  const file = (name: string): string => path.join(folder, name);
  const openssl = (...args: string[]): unknown =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const days = ['-days', '2'];
  openssl(
    'req',
    '-x509',
    ...key,
    ...days,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=An authority of a test',
  );
  openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=127.0.0.1');
  writeFileSync(file('server.ext'), 'subjectAltName=IP:127.0.0.1\n');
  openssl(
    ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', ...days],
    ...['-extfile', 'server.ext', '-out', 'server.pem'],
  );
  const { hostname, port: targetPort } = new URL(`http://${target}`);
  const server = createServer(
    { key: readFileSync(file('server.key')), cert: readFileSync(file('server.pem')), ALPNProtocols: ['h2'] },
    (inner) => {
      const outer = connect(Number(targetPort), hostname);
      inner.pipe(outer).pipe(inner);
      inner.on('error', () => outer.destroy());
      outer.on('error', () => inner.destroy());
      inner.on('close', () => outer.destroy());
    },
  );
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, authority: file('ca.pem'), close: () => server.close() };
}
