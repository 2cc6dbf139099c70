/** Templates as they are written: `/product/{aid}`, `{{` and `}}` for braces. */
import type { NamedPlace, Place } from './config.js';
import { NoPlace } from './noPlace.js';
import { parseNamed } from './paths.js';

export function parseTemplate(written: string): Place | NoPlace {
  const parts: (string | NamedPlace)[] = [];
  let text = '';
  for (let i = 0; i < written.length; i++) {
    const char = written.charAt(i);
    if ((char === '{' || char === '}') && written[i + 1] === char) {
      text += char;
      i++;
    } else if (char === '}') {
      return new NoPlace('a template with }} for a brace that closes no placeholder');
    } else if (char === '{') {
      const end = written.indexOf('}', i);
      const name = written.slice(i + 1, end);
      // Else `{a{b}` would be looked for under the name `a{b`, and never be found.
      if (end < 0 || name.includes('{'))
        return new NoPlace('a template with a } for each {, and {{ for a brace');
      const place = parseNamed(name);
      if (place instanceof NoPlace) return new NoPlace(`in {${name}} ${place.expected}`);
      if (place.kind === 'enrichment' && place.enrichment === '$kafka' && place.field === 'timestamp') {
        return new NoPlace('a template without $kafka.timestamp, which is a time and no text');
      }
      if (text !== '') parts.push(text);
      parts.push(place);
      text = '';
      i = end;
    } else text += char;
  }
  if (text !== '') parts.push(text);
  return parts.some((part) => typeof part !== 'string')
    ? { kind: 'template', written, parts }
    : new NoPlace('a template with a placeholder such as {id}; a fixed text is { const: … }');
}
