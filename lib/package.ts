import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Manifest {
  readonly name: string;
  readonly version: string;
}

function find(): { root: string; manifest: Manifest } {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
      if (manifest.name === 'virnucpro') return { root: folder, manifest };
    }
    if (folder === dirname(folder)) throw new Error(`Expected the package.json of virnucpro above ${import.meta.url}`);
  }
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
