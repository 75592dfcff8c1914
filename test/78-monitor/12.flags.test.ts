import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFlags } from '../../lib/monitor/flags.js';
import { repositoryRoot } from '../repository.js';

/**
 * Reached by the command alone (all of `setup` serves only the command and scripts, and has no options of the library),
 * or about other programs: docker, pip, node, zstd.
 */
const OWN_FLAGS: Readonly<Record<string, RegExp>> = {
  cli: /./,
  'rescore/sequences-from-inputs.ts': /--input/,
  setup: /./,
  diagnosis: /--gpus all/,
  'output/files.ts': /./,
  'output/finished-run.ts': /./,
  'monitor/flags.ts': /./,
  'monitor/event-schema.ts': /./,
  'monitor/event-text.ts': /with --resume continues|import --help/,
  'engine/libtorch': /--(cuda|no-addons|permission|allow-addons|force-reinstall)/,
  'error-codes.ts': /./,
  'input/zstd.ts': /--long/,
};

describe('messages of the library', () => {
  it('become those of the command: its flags take the place of options', () => {
    for (const [given, shown] of [
      [
        'begin a new run (with `force: true` in the same directory)',
        'begin a new run (with --force in the same directory)',
      ],
      ["Choose the CPU (`devices: 'cpu'`)", 'Choose the CPU (--device cpu)'],
      ["`devices: ['cuda:0', 'cuda:2']` leaves it out", '--gpus 0,2 leaves it out'],
      ["`devices: ['cuda:0', 'cpu']` leaves it out", '--device cuda:0,cpu leaves it out'],
      ['Expected ESM for `protein` x.pt', 'Expected ESM for --esm x.pt'],
      ['ask for fewer with `threads: 3`', 'ask for fewer with --threads 3'],
      [
        "Predict again with `tables: 'tsv'`, not `longSequences: 'error'`",
        'Predict again with --tables tsv, not --long error',
      ],
      ['raise `maxLength`, `layers`, `batchTokens`', 'raise --max-length, --layers, --batch-tokens'],
      ['Run `npm run setup` or `devices`', 'Run `npm run setup` or --device'],
    ] as const) {
      assert.equal(withFlags(given), shown);
    }
  });

  it('name options, not flags', () => {
    const files = readdirSync(join(repositoryRoot, 'lib'), { recursive: true, encoding: 'utf8' });
    const found: string[] = [];
    for (const file of files.filter((name) => name.endsWith('.ts'))) {
      const own = Object.entries(OWN_FLAGS).find(([place]) => file === place || file.startsWith(`${place}/`))?.[1];
      for (const line of readFileSync(join(repositoryRoot, 'lib', file), 'utf8').split('\n')) {
        const isComment = /^\s*(\*|\/[/*])/.test(line) || /\/\/ [^'"`]*$/.test(line);
        if (isComment || !/(^|[^\w-])--[a-z][a-z-]+/.test(line) || own?.test(line)) continue;
        // A decrement.
        if (/--[\w.#]+(\.\w+)? ===/.test(line)) continue;
        found.push(`${file}: ${line.trim()}`);
      }
    }
    const sources = readdirSync(join(repositoryRoot, 'csrc'), { recursive: true, encoding: 'utf8' });
    for (const file of sources.filter((name) => name.endsWith('.cc'))) {
      const strings = readFileSync(join(repositoryRoot, 'csrc', file), 'utf8').match(/"(?:[^"\\\n]|\\.)*"/g) ?? [];
      // Those of the compiler of kernels.
      const flags = strings.filter((text) => /--[a-z]/.test(text) && !/"--(std|gpu-architecture)=/.test(text));
      found.push(...flags.map((text) => `${file}: ${text}`));
    }
    assert.deepEqual(found, []);
  });
});
