import { isGrpcServiceError } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../domain/names.js';
import type { TemporalClient } from './connection.js';

/** The wire's number for Keyword. */
const KEYWORD = 2;
/** gRPC's status code. */
const ALREADY_EXISTS = 6;

export interface SearchAttributesReport {
  /** All are there: workflows may set them. */
  readonly ready: boolean;
  readonly added: readonly string[];
  /** Why not, and the command by which somebody with the right registers them. */
  readonly problem?: string;
}

/** Registers what is missing; a second call changes nothing. Never throws for a missing right: it reports it. */
export async function registerSearchAttributes({
  client,
  target,
}: TemporalClient): Promise<SearchAttributesReport> {
  const { operatorService } = client.connection;
  const namespace = target.namespace;
  const wanted: string[] = Object.values(SEARCH_ATTRIBUTES);
  let missing = wanted;
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    missing = wanted.filter((attribute) => !(attribute in customAttributes));
    const wrong = wanted.filter((attribute) => (customAttributes[attribute] ?? KEYWORD) !== KEYWORD);
    if (wrong.length > 0)
      return {
        ready: false,
        added: [],
        problem: `search attributes ${wrong.join(', ')} exist, but not as Keyword; set temporal.search_attributes: false`,
      };
    if (missing.length > 0)
      await operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map((attribute) => [attribute, KEYWORD])),
      });
    return { ready: true, added: missing };
  } catch (error) {
    // Two workers that register at once: the loser finds them there.
    if (isGrpcServiceError(error) && Number(error.code) === ALREADY_EXISTS) return { ready: true, added: [] };
    const command = missing.map((attribute) => `--name ${attribute} --type Keyword`).join(' ');
    return {
      ready: false,
      added: [],
      problem:
        `the search attributes ${missing.join(', ')} cannot be registered ` +
        `(${isGrpcServiceError(error) ? error.details : String(error)}); ask for\n` +
        `  temporal operator search-attribute create --namespace ${namespace} ${command}\n` +
        'or set temporal.search_attributes: false',
    };
  }
}
