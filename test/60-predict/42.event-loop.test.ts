import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { createRandomModel } from '../../lib/models.js';
import { compileFakeDriver, libtorchWithoutCuda, noCompiler } from '../fake-driver.js';
import { skip } from '../skipped.js';

const PROGRAM = fileURLToPath(new URL('event-loop-process.js', import.meta.url));

/** Milliseconds for which the event loop may stand still. */
const LONGEST = 50;

/** What blocks does so each time; what the watch cannot tell from it, such as locks of starved threads, does not. */
const ATTEMPTS = 10;

type Stretches = Readonly<
  Record<'opening' | 'predicting' | 'writing' | 'closing' | 'openingEmbedder' | 'embedding', number>
>;

describe('the event loop', () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-loop-'));
    // The tokenizer of the published DNA model is the largest file that is parsed.
    const sizes = { protein: 'esm2_t6_8M_UR50D', dna: 'dnabert_s', models: join(folder, 'models') };
    await createRandomModel({ name: 'published', ...sizes, dtype: 'bfloat16' });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Lines with a stop codon in each frame: what remains is everything but the models. */
  function writeContig(letters: number): string {
    const path = join(folder, `${letters}.fa`);
    const line = `${'TTAGTTAGTTAGCTAACTAACTAA'.repeat(3)}\n`;
    const block = Buffer.from(line.repeat(10_000));
    const file = openSync(path, 'w');
    writeSync(file, '>long\n');
    for (let written = 0; written < letters; written += block.length) writeSync(file, block);
    closeSync(file);
    return path;
  }

  async function stretches(input: string, environment: NodeJS.ProcessEnv): Promise<Stretches> {
    const words = [PROGRAM, join(folder, 'models'), 'published', input, mkdtempSync(join(folder, 'results-'))];
    const addon = { VIRNUCPRO_ADDON: dirname(loadAddon().path) };
    const env = { ...process.env, ...addon, ...environment };
    const { stdout } = await promisify(execFile)(process.execPath, words, { env });
    return JSON.parse(stdout) as Stretches;
  }

  /** Every step has to keep within the limit once. */
  async function assertResponsive(input: string, environment: NodeJS.ProcessEnv): Promise<void> {
    const seen: Stretches[] = [];
    while (seen.length < ATTEMPTS) {
      seen.push(await stretches(input, environment));
      const steps = Object.keys(seen[0]!) as (keyof Stretches)[];
      if (steps.every((step) => Math.min(...seen.map((one) => one[step])) <= LONGEST)) return;
    }
    assert.fail(`a step stands still for more than ${LONGEST} ms each time: ${JSON.stringify(seen, undefined, 1)}`);
  }

  it('goes on while a model is opened, a chromosome is predicted and the results are written', async () => {
    await assertResponsive(writeContig(50_000_000), {});
  });

  it('goes on while python3 takes its time to say where its torch is', async () => {
    const python = join(folder, 'python3');
    writeFileSync(python, `#!/bin/sh\nsleep 1\necho "${loadAddon().libtorch.root}"\n`);
    chmodSync(python, 0o755);
    const PATH = [folder, process.env['PATH']].join(delimiter);
    await assertResponsive(writeContig(1000), { PATH, LIBTORCH: '' });
  });

  it('goes on while an NVIDIA driver wakes', async function () {
    const reason = noCompiler();
    if (reason !== undefined) skip(this, reason);
    compileFakeDriver(join(folder, 'driver'), ['cuda', 'nvml']);
    const machine = { FAKE_DEVICES: '2', FAKE_WAKING: '600' };
    const libraries = { LD_LIBRARY_PATH: join(folder, 'driver'), LIBTORCH: libtorchWithoutCuda(folder) };
    await assertResponsive(writeContig(1000), { ...machine, ...libraries });
  });
});
