/** Internet addresses as bytes, without Node's `net`: 4 bytes for IPv4, 16 for IPv6. */

const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/;
/** The longest spelling, `ffff:` seven times and an IPv4 address, has 50 characters. */
const MAX_LENGTH = 50;

/** Undefined when the text is no address; an IPv6 zone (`fe80::1%eth0`) or a mask (`/24`) makes it none. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  return text.includes(':') ? parseIPv6(text) : parseIPv4(text);
}

/** Of `255.255.255.255`. */
const MAX_IPV4 = 15;

/** `a.b.c.d` as a number of 32 bits, without sign; undefined for everything else, leading zeros included. */
export function ipv4Number(text: string): number | undefined {
  const { length } = text;
  if (length < 7 || length > MAX_IPV4) return undefined;
  let address = 0;
  let dots = 0;
  let byte = 0;
  let digits = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit === -2) {
      if (digits === 0 || dots === 3) return undefined;
      address = address * 256 + byte;
      dots++;
      byte = 0;
      digits = 0;
      continue;
    }
    if (digit < 0 || digit > 9 || (digits > 0 && byte === 0)) return undefined;
    byte = byte * 10 + digit;
    digits++;
    if (byte > 255) return undefined;
  }
  return dots === 3 && digits > 0 ? address * 256 + byte : undefined;
}

function parseIPv4(text: string): Uint8Array | undefined {
  const address = ipv4Number(text);
  if (address === undefined) return undefined;
  return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}

function parseIPv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = '', tail] = halves;
  const before = groups(head, tail === undefined);
  const after = tail === undefined ? [] : groups(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 16 - before.length - after.length;
  // `::` stands for one group of zeros at least.
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...before, ...Array<number>(missing).fill(0), ...after]);
}

/** Bytes of colon-separated groups; the last may be an IPv4 address. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const bytes: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes('.')) {
      const v4 = parseIPv4(part);
      if (v4 === undefined) return undefined;
      bytes.push(...v4);
    } else if (HEX_GROUP.test(part)) {
      const group = parseInt(part, 16);
      bytes.push(group >> 8, group & 255);
    } else return undefined;
  }
  return bytes;
}

/** The IPv4 address inside `::ffff:a.b.c.d`; any other address unchanged. */
export function unmapped(address: Uint8Array): Uint8Array {
  const mapped =
    address.length === 16 &&
    address.subarray(0, 10).every((byte) => byte === 0) &&
    address[10] === 255 &&
    address[11] === 255;
  return mapped ? address.subarray(12) : address;
}

/** The first of a forwarded-for list, `client, proxy, proxy`. */
export const firstAddress = (list: string): string => (list.split(',', 1)[0] ?? '').trim();
