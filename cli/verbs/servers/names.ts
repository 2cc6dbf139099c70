/** `--only kafka,postgres`. */
import { UsageError } from '../../../domain/errors.js';
import { SERVER_NAMES, type ServerName } from '../../../infra/servers.js';

/** @returns All when nothing is given. @throws UsageError naming the word that is no server. */
export function parseServerNames(text: string | undefined): readonly ServerName[] {
  if (text === undefined) return SERVER_NAMES;
  const words = text.split(',').map((word) => word.trim());
  for (const word of words) {
    if (!isServerName(word)) {
      throw new UsageError(`--only: expected some of ${SERVER_NAMES.join(', ')}, got "${word}"`);
    }
  }
  return SERVER_NAMES.filter((name) => words.includes(name));
}

const isServerName = (word: string): word is ServerName => (SERVER_NAMES as readonly string[]).includes(word);
