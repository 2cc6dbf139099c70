/** Types of columns as the kernel knows them. TypeScript's and the kernel's compiler both read this file. */

export const TEXT = 0;
export const INTEGER = 1;
export const BIGINT = 2;
export const BOOLEAN = 3;
export const UUID = 4;
export const INET = 5;
/** Others it leaves alone. */
export const OTHER_TYPE = 6;
