/** Takes the secrets out of what people and logs are shown: addresses, and the words of errors that quote one. */

export const HIDDEN = '(hidden)';

/** An address ends with its text; in a sentence it ends with a blank or a quotation mark. */
interface Where {
  readonly password: RegExp;
  readonly valueEnd: RegExp;
  readonly encodedValueEnd: RegExp;
}

/** The slashes, the colon and the @ may stand percent-encoded, in the query of another address. */
const where = (ends: string): Where => ({
  password: new RegExp(
    String.raw`((?:/|%2f){2}(?:(?!%2f|%3a|%40)[^/?#\s:@"])*)(?::[^/?#${ends}]*@|%3a(?:(?!%2f)[^/?#&;${ends}])*%40)`,
    'gi',
  ),
  valueEnd: new RegExp(`[&;${ends}]|$`, 'g'),
  // An address inside of another one goes on after an encoded &.
  encodedValueEnd: new RegExp(`[&;${ends}]|%26|%3b|$`, 'gi'),
});
const ADDRESS = where('');
const SENTENCE = where(String.raw`\s"`);

const ASSIGNMENT = /(?:[?&;]|%3f|%26|%3b)((?:(?!%3d|%3f|%26|%3b)[^=?&;\s"])+)(=|%3d)/gi;
/** Of PostgreSQL and its JDBC driver, Spark Connect (whose `x-` go along as headers), and what proxies take. */
const SECRET = /pass(word|wd|phrase)?$|^pwd$|token|secret|credential|api[-_]?key|^user_id$|^x-/i;

function hide(text: string, at: Where): string {
  return hideParameters(text.replace(at.password, `$1:${HIDDEN}@`), at);
}

function hideParameters(text: string, at: Where): string {
  let shown = '';
  let from = 0;
  for (const { 0: assignment, 1: name = '', 2: equals, index } of text.matchAll(ASSIGNMENT)) {
    if (index < from || !SECRET.test(decoded(name))) continue;
    const value = index + assignment.length;
    const end = equals === '=' ? at.valueEnd : at.encodedValueEnd;
    end.lastIndex = value;
    shown += `${text.slice(from, value)}${HIDDEN}`;
    from = end.exec(text)?.index ?? text.length;
  }
  return shown + text.slice(from);
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** An address, JDBC's and Spark's included, without password and tokens; user, host and the rest stay. */
export const hideSecrets = (address: string): string => hide(address, ADDRESS);

/** Words in which addresses may stand. */
export const hideSecretsIn = (words: string): string => hide(words, SENTENCE);
