import assert from 'node:assert/strict';
import { resolveBenchmarkOptions } from '../../lib/benchmark/benchmark-options.js';
import type { BenchmarkOptions } from '../../lib/benchmark/benchmark-options.js';

describe('the options of a benchmark', () => {
  const refuses = (options: object, message: RegExp): void =>
    assert.throws(() => resolveBenchmarkOptions(options as BenchmarkOptions), { name: 'VirnucproError', message });

  it('are refused when a program without types gets them wrong', () => {
    refuses({ part: 'esm' }, /Expected dna or protein for part but received "esm"/);
    refuses({}, /Expected dna or protein for part/);
    refuses({ part: 'dna', trust: 'yes' }, /Expected true or false for trust but received/);
    refuses({ part: 'dna', sise: '8M' }, /options named part, size, .* received "sise"/);
    refuses({ part: 'dna', window: 400 }, /Expected 300 or 500 for window but received 400/);
    refuses({ part: 'dna', repeats: 0 }, /whole number from 1 to \d+ for repeats but received 0/);
  });
});
