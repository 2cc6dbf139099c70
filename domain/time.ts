const ISO = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** An ISO date or time as a person writes it, in ms since 1970; without a zone it is UTC. Undefined: it is neither. */
export function isoInstant(text: string): number | undefined {
  const match = ISO.exec(text);
  const [, day = '', time, , , zone] = match ?? [];
  const instant = Date.parse(time === undefined || zone !== undefined ? text : `${text}Z`);
  // JavaScript takes 30 February for 2 March.
  const isDay = match !== null && new Date(Date.parse(`${day}T00:00:00Z`)).toJSON()?.startsWith(day);
  return isDay && !Number.isNaN(instant) ? instant : undefined;
}
