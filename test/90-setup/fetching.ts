import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { findLibtorch } from '../../lib/engine/libtorch/find-libtorch.js';
import { allMadeUpWheels } from './made-up-wheels.js';
import type { MadeUpWheel } from './made-up-wheels.js';
import { PackageIndex } from './package-index.js';
import { TemporaryCheckout } from './temporary-checkout.js';
import type { Finished } from './temporary-checkout.js';

/** A checkout with an empty cache that fetches made-up wheels from an index on this machine. */
export class Fetching {
  readonly wheels = allMadeUpWheels();
  readonly checkout = new TemporaryCheckout();
  /** Of libtorch in the cache. */
  readonly folder = join(this.checkout.cache, `libtorch-2.11.0-${process.platform}-${process.arch}`);
  index = new PackageIndex();

  constructor() {
    this.checkout.copyCompiledLibrary();
  }

  /** Before each test. */
  async begin(): Promise<void> {
    this.checkout.pinWheels(this.wheels);
    // No torch, and no pip.
    this.checkout.writeProgram('python3', 'case "$*" in *find_spec*) exit 0;; *) exit 1;; esac');
    this.index = new PackageIndex(this.wheels);
    await this.index.start();
    this.checkout.environment['PIP_INDEX_URL'] = this.index.url;
  }

  /** After each test. */
  async end(): Promise<void> {
    await this.index.stop();
    for (const name of ['cache', 'wheels.json', 'wheels', 'page', 'other']) {
      rmSync(this.checkout.path(name), { recursive: true, force: true });
    }
  }

  /** Runs the step of setup. */
  setup(words: readonly string[] = ['--no-cuda'], environment: NodeJS.ProcessEnv = {}): Promise<Finished> {
    return this.checkout.setup([...words, 'libtorch'], environment);
  }

  /** Runs the command. */
  command(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Finished> {
    return this.checkout.start(['bin/virnucpro.js', 'setup', '--no-cuda', ...words], environment).finished;
  }

  /** The libtorch that a run would use. */
  found(): { root: string; version: string } | undefined {
    return findLibtorch({ environment: this.checkout.environment, cuda: false }).chosen;
  }

  wheelOf(name: string): MadeUpWheel {
    return this.wheels.find((wheel) => wheel.name === name && !wheel.version.includes('+'))!;
  }
}
