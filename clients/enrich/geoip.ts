/** The country of an address, from the regional registries' own lists (@ip-location-db, CC0). */
import { createRequire } from 'node:module';
import { open, type Response } from 'maxmind';
import { parseAddress, unmapped } from '../../domain/event/address.js';
import type { Enrichers } from '../../domain/event/types.js';
import { RecentAnswers } from './recent.js';

interface CountryRecord {
  readonly country_code?: string;
}

const DATABASE = '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb';
const CACHED_ADDRESSES = 20_000;

/** Nothing for a text that is no address, and for one that nobody registered (private, loopback, documentation). */
export async function openCountries(): Promise<Enrichers['geoip']> {
  const reader = await open<CountryRecord & Response>(createRequire(import.meta.url).resolve(DATABASE));
  const cache = new RecentAnswers<{ country?: string }>(CACHED_ADDRESSES);
  return (address) =>
    cache.get(address, () => {
      const bytes = parseAddress(address);
      const plain = bytes && unmapped(bytes);
      if (plain === undefined || isPrivate(plain)) return {};
      const country = reader.get(spell(plain))?.country_code;
      return country !== undefined && /^[A-Z]{2}$/.test(country) ? { country } : {};
    });
}

/** The registries' lists have some of these under a country; they are nowhere. */
function isPrivate([a = 0, b = 0, c = 0, ...rest]: Uint8Array): boolean {
  if (rest.length === 1) {
    return (
      a === 0 ||
      a === 10 ||
      a === 127 ||
      a >= 224 ||
      (a === 100 && b >= 64 && b < 128) ||
      (a === 169 && b === 254) ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168) ||
      // Documentation: nobody's, whatever the lists say.
      (a === 192 && b === 0 && c === 2) ||
      (a === 198 && b === 51 && c === 100) ||
      (a === 203 && b === 0 && c === 113)
    );
  }
  // ::/8 (loopback, unspecified), fc00::/7 (private), fe80::/10 (link-local), ff00::/8 (multicast)
  return a === 0 || (a & 0xfe) === 0xfc || (a === 0xfe && (b & 0xc0) === 0x80) || a === 0xff;
}

const spell = (address: Uint8Array): string =>
  address.length === 4
    ? address.join('.')
    : Array.from({ length: 8 }, (_, i) =>
        (((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0)).toString(16),
      ).join(':');
