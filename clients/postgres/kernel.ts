import { readFileSync } from 'node:fs';

/** Of Node; its types leave it to those of browsers. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

let compiled: object | undefined;

/** An instance, with memory of its own, of what `kernel/` is the source of. @param E what its callers use of its exports */
export function openKernel<E>(): E {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('kernel.wasm', import.meta.url)));
  return new WebAssembly.Instance(compiled).exports as E;
}
