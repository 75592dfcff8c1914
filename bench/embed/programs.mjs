// @ts-check
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DEFAULT_SEED } from '../../dist/lib/models/random/random-model.js';
import { inRepository } from '../../scripts/setup/repository.mjs';
import { jsonOf } from '../compare/child-process.mjs';
import { pinned } from '../compare/competitors.mjs';
import { convert } from '../compare/prepare.mjs';
import { withOtherLoad } from '../other-load.mjs';
import { MODEL, randomModel, weightsFolder } from '../random-model.mjs';

/**
 * `maxSlices`: a program that is only there to show what another way of using it costs is measured on fewer slices.
 * @typedef {{
 *   key: string,
 *   name: string,
 *   how: string,
 *   precision: 'FP32' | 'BF16',
 *   output: 'npy' | 'pt',
 *   words: (input: string, output: string) => readonly string[],
 *   command: string,
 *   maxSlices?: number,
 * }} Program
 */

/** The unit in which Linux counts CPU time, independent of its own clock. */
const TICKS_A_SECOND = 100;

/** The programs that are compared, each with the same weights in its own format. */
export class Programs {
  /** @type {Program[]} */
  all = [];
  #place;

  /** @param {{ esm: string, extract: string, threads: number, folder: string, python: string }} request */
  static async prepare(request) {
    const models = await randomModel({ esm: request.esm, dna: 'dnabert_tiny', seed: DEFAULT_SEED });
    const weights = weightsFolder(models);
    await convert('transformers', weights, request.python);
    await jsonOf(request.python, [
      inRepository('bench', 'embed', 'python', 'fair_esm_checkpoint.py'),
      weights,
      request.esm,
    ]);
    const programs = new Programs({ ...request, models, weights });
    await programs.#choose();
    return programs;
  }

  /** @param {{ esm: string, extract: string, threads: number, folder: string, python: string, models: string, weights: string }} place */
  constructor(place) {
    this.#place = place;
  }

  async #choose() {
    const { esm, extract, python, weights, models, threads } = this.#place;
    this.all.push({
      ...{ key: 'fair-esm', name: `fair-esm ${pinned('fair-esm')}`, precision: 'FP32', output: 'pt', command: python },
      how: 'its extract.py as it is: sorted by length, 4096 padded tokens a batch',
      words: (input, output) => [extract, join(weights, `${esm}.pt`), input, output, '--include', 'mean', '--nogpu'],
    });
    const script = inRepository('bench', 'embed', 'python', 'embed_transformers.py');
    for (const precision of /** @type {const} */ (['FP32', 'BF16'])) {
      /** @type {(batch: string) => Omit<Program, 'key' | 'how'>} */
      const transformers = (batch) => ({
        ...{ name: `transformers ${pinned('transformers')}`, precision, output: 'npy', command: python },
        words: (input, output) => [
          ...[script, input, output, '--weights', join(weights, 'transformers'), '--threads', String(threads)],
          ...['--precision', precision.toLowerCase(), '--batch', batch],
        ],
      });
      this.all.push({ ...transformers('1'), key: `one-${precision}`, how: 'one protein at a time: no padding' });
      this.all.push({
        ...{ ...transformers('8'), key: `padded-${precision}`, maxSlices: 1 },
        how: '8 proteins a batch as they come, padded',
      });
    }
    for (const precision of /** @type {const} */ (['FP32', 'BF16'])) {
      this.all.push({
        ...{ key: `ours-${precision}`, name: 'virnucpro', precision, output: 'npy', command: process.execPath },
        how: 'the command `virnucpro embed`',
        words: (input, output) => [
          ...[inRepository('bin', 'virnucpro.js'), 'embed', input, '-o', output, '--part', 'protein'],
          ...['--models', models, '--model', MODEL, '--device', 'cpu', '--threads', String(threads)],
          ...['--precision', precision.toLowerCase(), '--no-progress', '--force'],
        ],
      });
    }
  }

  /** Runs a program from start to end; its embeddings stay on disk. @param {Program} program @param {string} input */
  async embed(program, input) {
    const output = this.#outputOf(program, input);
    rmSync(output, { recursive: true, force: true });
    const start = performance.now();
    const before = childSeconds();
    const { othersCores } = await withOtherLoad(() => this.#run(program.command, program.words(input, output)));
    return { seconds: (performance.now() - start) / 1000, cpuSeconds: childSeconds() - before, othersCores };
  }

  /**
   * How far the embeddings of one program are from another's, once both have embedded the input.
   * @param {Program | undefined} reference @param {Program} program @param {string} input
   * @returns {Promise<{ cosine: number, relativeError: number }>}
   */
  agreement(reference, program, input) {
    if (reference === undefined) throw new Error('Expected a program to compare with');
    const script = inRepository('bench', 'embed', 'python', 'compare_embeddings.py');
    const words = [input, this.#outputOf(reference, input), this.#outputOf(program, input)];
    return jsonOf(this.#place.python, [script, ...words]);
  }

  /** @param {Program} program @param {string} input */
  #outputOf(program, input) {
    return join(this.#place.folder, `${basename(input)}-${program.key}${program.output === 'npy' ? '.npy' : ''}`);
  }

  /** @param {string} command @param {readonly string[]} words @returns {Promise<void>} */
  #run(command, words) {
    const { threads } = this.#place;
    const env = {
      ...{ ...process.env, OMP_NUM_THREADS: String(threads), HF_HUB_OFFLINE: '1' },
      // fair-esm's checkpoints are older than what torch.load reads by default.
      TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD: '1',
    };
    return new Promise((resolve, reject) => {
      const child = spawn(command, words, { env, stdio: ['ignore', 'ignore', 'pipe'] });
      let errors = '';
      child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => (errors += text));
      child.on('error', reject);
      child.on('close', (code, signal) => {
        if (code === 0) return resolve();
        reject(new Error(`${command} ${words.join(' ')} ended with ${code ?? signal}:\n${errors}`));
      });
    });
  }
}

/** CPU seconds of the children of this process that have ended, and of theirs. */
function childSeconds() {
  // The name, in parentheses, may contain spaces; the fields after it begin with the third.
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  return fields.slice(13, 15).reduce((sum, ticks) => sum + ticks, 0) / TICKS_A_SECOND;
}
