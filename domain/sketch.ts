/** Hashes that a sketch of users keeps: up to so many users it is exact. */
export const SKETCH_USERS = 4096;

/**
 * How far an estimate may be from the truth, as a share of it, in 95 of 100 cases: two standard errors of
 * 1/√4096 each.
 */
export const ESTIMATE_ERROR = 2 / Math.sqrt(SKETCH_USERS);

/** `unique_users_error` of a figure. */
export const usersError = (exact: boolean): number => (exact ? 0 : ESTIMATE_ERROR);

/** `±3.1 %`. */
export const ESTIMATE_ERROR_TEXT = `±${(ESTIMATE_ERROR * 100).toFixed(1)} %`;
