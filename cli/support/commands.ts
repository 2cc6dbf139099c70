/** The verbs that read the configuration. */
const VERBS = [
  ...['analyze', 'backfill', 'config', 'dead-letters', 'doctor', 'explain', 'ingest', 'metrics', 'migrate'],
  ...['pipeline', 'produce', 'reindex', 'schedule', 'status', 'temporal', 'try', 'verify', 'web', 'worker'],
];
const COMMAND = new RegExp(`(npx |\`)clickstream (?=(?:${VERBS.join('|')})\\b)`, 'g');
const PLAIN = /^[\w./@:,+-]+$/;

/**
 * A message whose commands name the configuration that this command was given: copied and run, they shall concern the
 * same installation. For our own words only, never for what came from an event.
 */
export function withConfig(text: string, config: string | undefined): string {
  if (config === undefined) return text;
  const file = PLAIN.test(config) ? config : `'${config.replaceAll("'", `'\\''`)}'`;
  return text.replace(COMMAND, (_, before: string) => `${before}clickstream --config ${file} `);
}
