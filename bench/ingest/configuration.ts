import type { Config } from '../../domain/config/config.js';
import { parseConfig } from '../../domain/config/parse.js';

export interface Installation {
  readonly name: string;
  readonly topics: readonly string[];
  /** Absent: the default, two. */
  readonly shards?: number;
  /** Country and browser from the event's fields, or made from its address and user agent. */
  readonly values: 'as sent' | 'enriched';
  readonly spoolDir: string;
}

/** The configuration of one run, as a user would write it. */
export function configurationOf(installation: Installation): {
  readonly yaml: string;
  readonly config: Config;
} {
  const { name, topics, shards, values, spoolDir } = installation;
  const enriched = values === 'enriched';
  const yaml = `version: 1
name: ${name}
kafka: { topics: [${topics.join(', ')}] }
ingest: { ${shards === undefined ? '' : `shards: ${shards}, `}spool: { dir: ${JSON.stringify(spoolDir)} } }
event:
  id: { from: [event_id] }
  time: { from: [event_time], formats: [iso] }
  address: { from: [ip] }
  agent: { from: [user_agent] }
families:
  click_data:
    url: { type: text, from: [url], required: true }
    user_id: { type: text, from: [user_id] }
    session_id: { type: text, from: [session_id] }
    referrer: { type: text, from: [referrer] }
    time_spent_ms: { type: integer, from: [time_spent_ms] }
  geo_data:
    ip: { type: inet, from: [ip] }
    country: { type: text, from: [${enriched ? '$geoip.country' : 'country'}] }
    city: { type: text, from: [city] }
  user_agent_data:
    browser: { type: text, from: [${enriched ? '$ua.browser' : 'browser'}] }
    user_agent: { type: text, from: [user_agent] }
roles:
  url: click_data.url
  user: click_data.user_id
  session: click_data.session_id
  time_spent: click_data.time_spent_ms
  country: geo_data.country
temporal: { search_attributes: false }
`;
  return { yaml, config: parseConfig(yaml, `the configuration of ${name}`) };
}
