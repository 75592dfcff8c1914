import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '../../lib/index.js';
import type { Predictor } from '../../lib/index.js';
import { fixture } from '../repository.js';

interface Case {
  /** One window. */
  readonly sequence: string;
  /** By ORF: the softmax of other and virus, as PyTorch computed it in float32 when the model was exported. */
  readonly frames: Readonly<Record<string, readonly [number, number]>>;
}

const CASES = JSON.parse(readFileSync(fixture('virnucpro-mini.json'), 'utf8')) as Case[];

/** The tolerance for every reference in float32. */
const FLOAT32 = 1e-5;
/** Rounding to bfloat16 in every layer; the model was trained with it. */
const BFLOAT16 = 0.02;

describe('virnucpro-mini', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-mini-'));
    writeFileSync(join(folder, 'cases.fa'), CASES.map(({ sequence }, at) => `>${at}\n${sequence}\n`).join(''));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The largest difference from the cases; exactly their frames must be there. */
  async function difference(predictor: Predictor): Promise<number> {
    let largest = 0;
    let windows = 0;
    for await (const result of predictor.predict(join(folder, 'cases.fa'), { calibration: false })) {
      if (result.kind !== 'window') continue;
      const { frames } = CASES[result.index]!;
      assert.deepEqual(
        result.frames.map(({ frame }) => frame),
        Object.keys(frames),
      );
      for (const { frame, others, virus } of result.frames) {
        const [wantedOthers, wantedVirus] = frames[frame]!;
        largest = Math.max(largest, Math.abs(others - wantedOthers), Math.abs(virus - wantedVirus));
      }
      windows++;
    }
    assert.equal(windows, CASES.length);
    return largest;
  }

  for (const [precision, tolerance] of [
    ['fp32', FLOAT32],
    ['bf16', BFLOAT16],
  ] as const) {
    it(`gives the scores that it gave where it was trained, in ${precision}`, async () => {
      const predictor = await open({ model: 'virnucpro-mini', models: folder, precision, devices: ['cpu'] });
      try {
        const largest = await difference(predictor);
        assert.ok(largest <= tolerance, `${largest}`);
      } finally {
        await predictor.close();
      }
    });
  }
});
