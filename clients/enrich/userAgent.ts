/** Browser, system and device of a user agent, and whether it is a machine. */
import { isbot } from 'isbot';
import { UAParser } from 'ua-parser-js';
import { checkText } from '../../domain/event/text.js';
import type { Enrichers } from '../../domain/event/types.js';
import { RecentAnswers } from './recent.js';

/** Real agents are shorter; longer ones are made to keep regular expressions busy. */
const MAX_AGENT_LENGTH = 512;
const CACHED_AGENTS = 10_000;
const LAST_HALF_CHARACTER = /[\ud800-\udbff]$/;

/** `device`: the kind, `mobile`, `tablet`, `smarttv` …; `desktop` where a browser names none. */
export function createAgentParser(): Enrichers['ua'] {
  const cache = new RecentAnswers<ReturnType<Enrichers['ua']>>(CACHED_AGENTS);
  return (agent) => {
    const capped =
      agent.length > MAX_AGENT_LENGTH
        ? agent.slice(0, MAX_AGENT_LENGTH).replace(LAST_HALF_CHARACTER, '')
        : agent;
    return cache.get(capped, () => {
      const { browser, os, device } = new UAParser(capped).getResult();
      const machine = isbot(capped);
      return {
        browser: sound(browser.name),
        browser_version: sound(browser.version),
        os: sound(os.name),
        os_version: sound(os.version),
        device: sound(device.type) ?? (browser.name !== undefined && !machine ? 'desktop' : undefined),
        is_bot: machine,
      };
    });
  };
}

/** A name out of an agent may hold whatever the agent held: what no table can store loses no click. */
const sound = (name: string | undefined): string | undefined =>
  name === undefined || checkText(name) !== undefined ? undefined : name;
