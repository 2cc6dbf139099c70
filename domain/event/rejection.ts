import type { Reason } from './types.js';

/** Why a value does not fit. A bad event is a value, not an exception. The message never holds the value. */
export class Rejection {
  constructor(
    readonly reason: Reason,
    readonly message: string,
  ) {}
}
