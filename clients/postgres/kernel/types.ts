/** What TypeScript and the kernel share: both compilers read this file. */

// Types of columns, as the kernel knows them.
export const TEXT = 0;
export const INTEGER = 1;
export const BIGINT = 2;
export const BOOLEAN = 3;
export const UUID = 4;
export const INET = 5;
/** Those that it leaves to others. */
export const OTHER_TYPE = 6;

/** What an IPv4 address begins with: family, prefix length, is it a network, count of bytes. */
export const INET_IPV4 = (2 << 24) | (32 << 16) | 4;

/** Where a click's row has its event id: behind the count of fields, the click_id with its length, and the id's own length. */
export const EVENT_ID_AT = 2 + 12 + 4;
