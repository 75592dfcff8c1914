import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAddon } from '../../lib/engine/libtorch/load.js';

export interface Ended {
  code: number | null;
  output: string;
  errors: string;
}

/** A user's project with a PATH on which there is nothing but Node: no compiler, no Python, no shell. */
export class EmptyProject {
  readonly #environment: NodeJS.ProcessEnv;

  /**
   * @param folder of the project, which is made
   * @param node the Node that runs there
   * @param settings lines of its .npmrc
   */
  constructor(
    readonly folder: string,
    readonly node: string,
    settings: string,
  ) {
    const bin = join(dirname(folder), `bin-of-${folder.slice(folder.lastIndexOf('/') + 1)}`);
    for (const path of [folder, bin]) mkdirSync(path, { recursive: true });
    symlinkSync(node, join(bin, 'node'));
    this.write('.npmrc', `${settings}fund=false\naudit=false\nupdate-notifier=false\n`);
    // Without what names other folders: the settings of the npm that runs the tests, and the addon under test.
    const kept = Object.entries(process.env).filter(
      ([key]) => !/^(npm_|NODE_OPTIONS|NODE_PATH|VIRNUCPRO_ADDON)/.test(key),
    );
    this.#environment = { ...Object.fromEntries(kept), PATH: bin, LIBTORCH: loadAddon().libtorch.root };
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  write(name: string, content: string | object): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  }

  /** Runs a program of Node to its end. */
  run(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
    const child = spawn(this.node, words, {
      cwd: this.folder,
      env: { ...this.#environment, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, output, errors }));
    });
  }

  /** Runs a program of Node that has to succeed, and returns its output. */
  async succeed(...words: string[]): Promise<string> {
    const { code, output, errors } = await this.run(words);
    if (code !== 0) throw new Error(`\`${words.join(' ')}\` ended with ${code}: ${output}${errors}`);
    return output;
  }
}
