/**
 * What of ingest runs once for each byte of each event, as WebAssembly: finding the values in an event, and copying
 * them into rows. AssemblyScript: the syntax is TypeScript's, the types are the machine's, and an address is a `usize`.
 * `clients/postgres/plainKernel.ts` is its only caller, and takes all memory before the first scan: none is freed.
 */
export { makeNames, setName } from '../../../domain/event/plain/kernel/names';
export { scan } from '../../../domain/event/plain/kernel/scan';
export { endsAt, kindsAt, makeSlots, setNull, startsAt } from '../../../domain/event/plain/kernel/slots';
export { rowEndAt, eventIdAt, fields, makeTable, row, setColumn, setPlace } from './rows';
export { putUuid } from '../../../domain/event/plain/kernel/uuid';

export function allocate(bytes: usize): usize {
  return heap.alloc(bytes);
}
