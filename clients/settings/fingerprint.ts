import type { Config } from '../../domain/config/config.js';
import { crc32c } from '../kafka/crc32c.js';

/** What becomes of a record depends on this part of the configuration: equal prints, equal mappings. */
export const mappingFingerprint = (config: Config): string =>
  crc32c(Buffer.from(JSON.stringify([config.event, config.families, config.roles])))
    .toString(16)
    .padStart(8, '0');
