import { createHmac } from 'node:crypto';
import type { Enrichers } from '../../domain/event/types.js';

/** 128 bits: no two visitors of one site ever share them. */
const HEX_DIGITS = 32;

/**
 * A pseudonym: HMAC-SHA-256 of address and agent under the installation's key. Without the key nobody can
 * find the address by trying all of them. The length in front keeps `ab`+`c` and `a`+`bc` apart.
 */
export const createVisitor =
  (key: Uint8Array): Enrichers['visitor'] =>
  (address, agent) =>
    createHmac('sha256', key)
      .update(`${Buffer.byteLength(address)}:`)
      .update(address)
      .update(agent)
      .digest('hex')
      .slice(0, HEX_DIGITS);
