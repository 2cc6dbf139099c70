import type { Config } from '../../domain/config/config.js';

/** The mapping of an event that nobody decodes. */
export const NO_EVENT: Config['event'] = {
  value: 'json',
  where: [],
  nulls: [],
  id: [],
  time: { from: [], formats: ['iso'], zone: 'UTC' },
  address: [],
  agent: [],
  referrer: [],
  normalizeUrl: false,
};
