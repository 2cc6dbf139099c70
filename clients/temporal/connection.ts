import { Client, Connection, isGrpcServiceError, WorkflowFailedError } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Servers } from '../../domain/config/config.js';
import { ClickstreamError, ServerRefused, ServerUnavailable } from '../../domain/errors.js';
import { isRefused, refuseClosed } from './refused.js';

/** Address, TLS and key in the form that client and worker both take. */
export interface TemporalTarget {
  readonly options: {
    readonly address: string;
    readonly tls?: NonNullable<ConnectionOptions['tls']>;
    readonly apiKey?: string;
    readonly metadata?: Record<string, string>;
  };
  readonly address: string;
  readonly namespace: string;
}

export interface TemporalClient {
  readonly client: Client;
  readonly target: TemporalTarget;
  close(): Promise<void>;
}

/**
 * A profile of Temporal's own configuration file when the environment names one (TEMPORAL_CONFIG_FILE,
 * TEMPORAL_PROFILE), else the servers as parsed.
 */
export function temporalTarget(servers: Servers, env: NodeJS.ProcessEnv = process.env): TemporalTarget {
  if (env['TEMPORAL_CONFIG_FILE'] || env['TEMPORAL_PROFILE']) {
    const profile = env['TEMPORAL_PROFILE'];
    const { connectionOptions, namespace } = loadClientConnectConfig(profile ? { profile } : {});
    const { address = 'localhost:7233', tls, apiKey, metadata } = connectionOptions;
    return {
      options: {
        address,
        ...(tls ? { tls } : {}),
        ...(apiKey === undefined ? {} : { apiKey }),
        ...(metadata === undefined ? {} : { metadata: metadata as Record<string, string> }),
      },
      address,
      namespace: namespace ?? 'default',
    };
  }
  const { address, namespace, apiKey, tls } = servers.temporal;
  const bytes = (pem: string): Uint8Array => Buffer.from(pem);
  return {
    address,
    namespace,
    options: {
      address,
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(tls === undefined ? {} : { tls: tls === true ? true : tlsOf(tls, bytes) }),
    },
  };
}

function tlsOf(
  tls: Exclude<Servers['temporal']['tls'], true | undefined>,
  bytes: (pem: string) => Uint8Array,
) {
  return {
    ...(tls.serverName === undefined ? {} : { serverNameOverride: tls.serverName }),
    ...(tls.ca === undefined ? {} : { serverRootCACertificate: bytes(tls.ca) }),
    ...(tls.cert === undefined || tls.key === undefined
      ? {}
      : { clientCertPair: { crt: bytes(tls.cert), key: bytes(tls.key) } }),
  };
}

/**
 * @param startingMs how long a refused connection may be that of a server that is just starting; default 1.5 s
 * @throws ServerUnavailable within 10 s when nobody answers; ServerRefused for credentials or an unknown namespace.
 */
export async function connectTemporal(servers: Servers, startingMs = 1_500): Promise<TemporalClient> {
  const target = temporalTarget(servers);
  let connection: Connection | undefined;
  try {
    await refuseClosed(target.address, startingMs);
    connection = await Connection.connect({ ...target.options, connectTimeout: 10_000 });
    await connection.workflowService.describeNamespace({ namespace: target.namespace });
  } catch (error) {
    await connection?.close();
    throw mapTemporalError(error, target);
  }
  const opened = connection;
  return {
    client: new Client({ connection: opened, namespace: target.namespace }),
    target,
    close: () => opened.close(),
  };
}

/** gRPC's status codes, as numbers on the wire. */
const GRPC = {
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
};

/** What keeps us from Temporal, as an error that names address and namespace; other errors unchanged. */
export function mapTemporalError(error: unknown, target: TemporalTarget): Error {
  // What a workflow failed with was told by Temporal, whatever words it has in it.
  if (error instanceof ClickstreamError || isWorkflowFailure(error)) return error;
  const grpc = [error, (error as { cause?: unknown } | null)?.cause].find(isGrpcServiceError);
  const code: number | undefined = grpc?.code;
  const where = `Temporal at ${target.address}, namespace ${target.namespace}`;
  const said = error instanceof Error ? error.message : String(error);
  if (isRefused(error))
    return new ServerUnavailable('Temporal', `${where} does not answer: the connection is refused`, {
      cause: error,
    });
  if (grpc !== undefined && code === GRPC.NOT_FOUND && /namespace/i.test(grpc.details))
    return new ServerRefused(
      'Temporal',
      `${where}: expected the namespace to exist; set TEMPORAL_NAMESPACE`,
      {
        cause: error,
      },
    );
  if (grpc !== undefined && (code === GRPC.PERMISSION_DENIED || code === GRPC.UNAUTHENTICATED))
    return new ServerRefused('Temporal', `${where} refused our credentials: ${grpc.details}`, {
      cause: error,
    });
  if (
    code === GRPC.UNAVAILABLE ||
    code === GRPC.DEADLINE_EXCEEDED ||
    /failed to connect|unavailable|transport|timed? ?out/i.test(said)
  )
    return new ServerUnavailable('Temporal', `${where} does not answer`, { cause: error });
  return error instanceof Error ? error : new Error(said);
}

const isWorkflowFailure = (error: unknown): error is Error =>
  error instanceof Error &&
  (error instanceof WorkflowFailedError || error.cause instanceof WorkflowFailedError);
