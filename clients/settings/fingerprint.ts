import type { Config } from '../../domain/config/config.js';
import { crc32c } from '../kafka/crc32c.js';

/** What becomes of a record depends on this part of the configuration: equal prints, equal mappings. */
export const mappingFingerprint = (config: Config): string =>
  crc32c(Buffer.from(JSON.stringify([config.event, config.families, config.roles])))
    .toString(16)
    .padStart(8, '0');

/** @param worker print of what the worker runs; @param command that of the configuration which the command reads */
export const otherMapping = ({ name }: Config, worker: string, command: string): string =>
  `the worker runs another mapping (${worker}) than the command (${command}): restart all workers of ${name} with the ` +
  'configuration file that the command reads';
