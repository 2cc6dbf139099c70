/** What stands at a path of an event. TypeScript's and the kernel's compiler both read this file. */

export const ABSENT = 0;
/** `null`, or a text that the mapping takes for none. */
export const NULL = 1;
export const TEXT = 2;
/** A whole number of at most 15 digits. */
export const WHOLE = 3;
/** Another number. */
export const FRACTION = 4;
export const TRUE = 5;
export const FALSE = 6;
/** An object. */
export const OTHER = 7;
