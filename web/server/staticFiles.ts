/** The page's files, read once: what the build made, and nothing else on this disk. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
};
const YEAR = 31_536_000;

export interface StaticFile {
  readonly content: Buffer;
  readonly gzip: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** By the path of the request. A file with a hash in its name never changes; the page itself is asked for anew. */
export function readStaticFiles(folder: string): ReadonlyMap<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  for (const name of readdirSync(folder)) {
    const type = TYPES[path.extname(name)];
    if (type === undefined) continue;
    const content = readFileSync(path.join(folder, name));
    const isPage = name === 'index.html';
    files.set(isPage ? '/' : `/${name}`, {
      content,
      gzip: gzipSync(content),
      headers: {
        'Content-Type': type,
        'Cache-Control': isPage ? 'no-cache' : `public, max-age=${YEAR}, immutable`,
        ETag: `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`,
        Vary: 'Accept-Encoding',
      },
    });
  }
  return files;
}
