import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VirnucproError } from './errors.js';

interface Manifest {
  readonly name: string;
  readonly version: string;
}

/** A bundler that writes CommonJS leaves no address; others leave that of the bundle. */
const address = (import.meta as { url?: string }).url;

function find(): { root: string; manifest: Manifest } {
  if (address === undefined) throw bundled();
  for (let folder = dirname(fileURLToPath(address)); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
      if (manifest.name === 'virnucpro') return { root: folder, manifest };
    }
    if (folder === dirname(folder)) throw bundled(` into ${fileURLToPath(address)}`);
  }
}

/** @param where begins with a space */
function bundled(where = ''): VirnucproError {
  return new VirnucproError(
    'VNP_LIBTORCH',
    `virnucpro was bundled${where}, away from the native modules and models of its package. ` +
      'Mark virnucpro as external in the bundler, and install the package where the program runs',
  );
}

const { root, manifest } = find();

/** The folder of this package's package.json, wherever below it this file was compiled to. */
export const packageRoot: string = root;
/** Version of this program. */
export const packageVersion: string = manifest.version;

/** What a result depends on besides the model and the input. */
export interface Versions {
  /** Of this program. */
  readonly virnucpro: string;
  /** As libtorch names itself, e.g. `2.11.0+cu130`. */
  readonly libtorch: string;
  /** Of Node, without the `v`. */
  readonly node: string;
}
