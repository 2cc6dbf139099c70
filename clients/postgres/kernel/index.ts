/**
 * What of ingest runs once for each byte of each event, as WebAssembly: finding the values in an event, reading its
 * time, copying values into rows, looking ids up, and putting rows in order. AssemblyScript: the syntax is TypeScript's,
 * the types are the machine's, and an address is a `usize`. Its callers, `plainKernel.ts`, `claimFilter.ts` and
 * `rowSorter.ts` in `clients/postgres`, each have instances of their own and take all memory before they use one: none is
 * freed.
 */
export { makeNames, setName } from '../../../domain/event/plain/kernel/names';
export { scan } from '../../../domain/event/plain/kernel/scan';
export { endsAt, kindsAt, makeSlots, setNull, startsAt } from '../../../domain/event/plain/kernel/slots';
export { isoMicros } from '../../../domain/event/plain/kernel/time';
export { claimIds, makeFilter } from './claims';
export { gatheredEndAt, gatherRows, orderRows } from './order';
export { rowEndAt, eventIdAt, fields, makeTable, row, setColumn, setPlace } from './rows';
export { putUuid } from '../../../domain/event/plain/kernel/uuid';

export function allocate(bytes: usize): usize {
  return heap.alloc(bytes);
}
