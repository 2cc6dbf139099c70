/** TLS before a server without, as a proxy gives it to Spark Connect, with an authority of the test's own. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer } from 'node:tls';
import { makeCertificates } from './certificates.js';

export interface TlsProxy {
  readonly port: number;
  /** PEM file of the authority that signed the certificate. */
  readonly authority: string;
  close(): void;
}

/** @param folder where keys and certificates are made @param target `host:port` */
export async function startTlsProxy(folder: string, target: string): Promise<TlsProxy> {
  const { authority, certificate, key } = makeCertificates(folder);
  const { hostname, port: targetPort } = new URL(`http://${target}`);
  const server = createServer(
    { key: readFileSync(key), cert: readFileSync(certificate), ALPNProtocols: ['h2'] },
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
  return { port: address.port, authority, close: () => server.close() };
}
