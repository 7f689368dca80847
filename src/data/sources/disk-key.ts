import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageOf } from '../../package-root.js';
import type { FoundFile } from './walk.js';

/** Raised when `decodeFile` gives other pixels than before. */
const DECODER = 2;

/**
 * Names pictures as they lie on this disk: another size, time or inode of one of them gives another name, and so does
 * another decoder.
 */
export function diskKey(root: string, files: readonly FoundFile[]): string {
  return stampsKey(
    root,
    files.map(({ path, size, modified, changed, inode }) => `${path}\0${size} ${modified} ${changed} ${inode}`),
  );
}

/** As `diskKey`, of files or addresses of which each is told from another in its place by a text. */
export function stampsKey(root: string, stamps: readonly string[]): string {
  const hash = createHash('sha256').update(`${DECODER} ${sharpVersion()}\0${root}\n`);
  for (const stamp of stamps) hash.update(`${stamp}\0`);
  return hash.digest('hex').slice(0, 32);
}

/** Names what a decoder makes of a folder's pictures, whichever they are. */
export const folderKey = (root: string, what: string): string =>
  createHash('sha256').update(`${DECODER} ${sharpVersion()} ${what}\0${root}`).digest('hex').slice(0, 32);

function sharpVersion(): string {
  // Loading it to ask would take longer than everything else here.
  const manifest = join(packageOf(createRequire(import.meta.url).resolve('sharp')), 'package.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
