import { stringify } from 'yaml';
import { hasServer, SERVER_VARIABLE, type ServerKey } from '../../domain/config/servers.js';
import type { Servers } from '../../domain/config/config.js';
import { HIDDEN, hideSecrets } from '../../domain/secrets.js';
import { configJsonSchema, effectiveConfig } from '../../domain/config/parse.js';
import { readFileSync } from 'node:fs';
import { loadConfig } from '../loadConfig.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

export function register(program: Command, ctx: CliContext): void {
  const config = program
    .command('config')
    .description('check, print or describe the configuration; connects to nothing')
    .addHelpText('after', examples(['clickstream config check', 'clickstream --config my.yaml config print']))
    .addHelpText('after', exitCodes({ 0: 'done', 2: 'the configuration is wrong; every problem is named' }));

  config
    .command('check')
    .description('validate file and environment; every problem with file and line')
    .action(async () => {
      const { config, file } = await loadConfig({ config: ctx.config });
      const columns = Object.values(config.families).flat().length;
      ctx.result(
        { ok: true, file, name: config.name, topics: config.kafka.topics, columns },
        `${file} is sound: installation ${config.name}, topics ${config.kafka.topics.join(', ')}, ${columns} ${columns === 1 ? 'column' : 'columns'}`,
      );
    });

  config
    .command('print')
    .description('the configuration in effect, defaults filled in, and the servers without their secrets')
    .action(async () => {
      const { file, servers } = await loadConfig({ config: ctx.config });
      const effective = effectiveConfig(readFileSync(file, 'utf8'), file);
      const shown = withoutSecrets(servers);
      const comment = stringify(shown).trimEnd().replace(/^/gm, '# ');
      ctx.result(
        { config: effective, servers: shown },
        `${stringify(effective).trimEnd()}\n\n# Servers, from the environment or \`clickstream up\`:\n${comment}`,
      );
    });

  config
    .command('schema')
    .description('the JSON Schema that editors check the file with')
    .action(() => ctx.out(JSON.stringify(configJsonSchema(), undefined, ctx.json ? 0 : 2)));
}

const SECRETS = new Set(['password', 'apiKey', 'key', 'visitorKey', 'ca', 'cert']);

/** What may be shown of the servers: passwords, keys and certificates are replaced, also inside addresses. */
export function withoutSecrets(servers: Servers): Record<string, unknown> {
  const keys = Object.keys(SERVER_VARIABLE) as ServerKey[];
  const entries = keys.map((key): [string, unknown] => [
    key,
    hasServer(servers, key) ? hide(servers[key]) : `(nothing; set ${SERVER_VARIABLE[key]})`,
  ]);
  if (servers.visitorKey !== undefined) entries.push(['visitorKey', HIDDEN]);
  return Object.fromEntries(entries);
}

function hide(value: unknown, key = ''): unknown {
  if (SECRETS.has(key)) return HIDDEN;
  if (typeof value === 'string') return hideSecrets(value);
  if (Array.isArray(value)) return value.map((one) => hide(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, hide(one, key)]));
}
