import { isIPv4, isIPv6 } from 'node:net';

/** How PostgreSQL's binary form writes an address. */

/** Family (2 or 3), prefix length, is it a network, count of bytes, bytes. */
export function inetBytes(text: string): Uint8Array {
  const [address = '', prefix] = text.split('/');
  const bytes = isIPv4(address) ? ipv4(address) : isIPv6(address) ? ipv6(address) : undefined;
  if (bytes === undefined) throw new RangeError('an inet value is no address');
  return Uint8Array.from([
    bytes.length === 4 ? 2 : 3,
    prefix === undefined ? bytes.length * 8 : Number(prefix),
    0,
    bytes.length,
    ...bytes,
  ]);
}

const ipv4 = (text: string): number[] => text.split('.').map(Number);

function ipv6(text: string): number[] {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const groups = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          const n = parseInt(group, 16);
          return [n >> 8, n & 255];
        });
  const tail = dotted?.[2] === undefined ? [] : ipv4(dotted[2]);
  const hex = dotted?.[1] === undefined ? text : dotted[1].replace(/([^:]):$/, '$1');
  const [left = '', right] = hex.split('::');
  const head = groups(left);
  const rest = [...groups(right ?? ''), ...tail];
  return right === undefined
    ? [...head, ...tail]
    : [...head, ...new Array<number>(16 - head.length - rest.length).fill(0), ...rest];
}
