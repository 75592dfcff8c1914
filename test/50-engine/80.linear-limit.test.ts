import assert from 'node:assert/strict';
import { matmulEfficiency, measureLimit } from '../../lib/engine/pool/linear-limit.js';
import type { LinearWork } from '../../lib/engine/pool/linear-limit.js';

const PER_ROW = { dna: 0.00005, protein: 0.0003 };

/** Linear layers that take time by a clock of their own, longer in the first run with a number of rows. */
class FakeLayers {
  readonly calls: [part: string, rows: number][] = [];
  seconds = 0;

  async measureLinear(part: 'dna' | 'protein', rows: number): Promise<{ seconds: number; operations: number }> {
    const isFirst = !this.calls.some(([before, of]) => before === part && of === rows);
    this.calls.push([part, rows]);
    const seconds = (isFirst ? 1.2 : 1) * rows * PER_ROW[part];
    this.seconds += seconds;
    return { seconds, operations: rows };
  }
}

const near = (one: number, other: number): void => assert.ok(Math.abs(one / other - 1) < 1e-9, `${one}, ${other}`);

/** A run of batches of 3000 and 4000 tokens, four fifths of whose time goes to the linear layers. */
function workOf(batches: number, slowness = 1): LinearWork {
  const [dnaTokens, proteinTokens] = [3000 * batches, 4000 * batches];
  const dna = (slowness * dnaTokens * PER_ROW.dna) / 0.8;
  const protein = (slowness * proteinTokens * PER_ROW.protein) / 0.8;
  return { batches, dnaTokens, proteinTokens, seconds: { dna, protein, classifier: 0 } };
}

describe('the limit of the linear layers after a run', () => {
  it('is measured with as many rows as the batches had, when the run was long', async () => {
    const layers = new FakeLayers();
    const work = workOf(1000);
    const limit = await measureLimit(layers, work);
    assert.deepEqual(layers.calls, [
      ['dna', 3072],
      ['dna', 3072],
      ['protein', 4096],
      ['protein', 4096],
    ]);
    near(limit!.dna, 1 / PER_ROW.dna);
    near(limit!.protein, 1 / PER_ROW.protein);
    near(matmulEfficiency(work, limit!), 0.8);
  });

  it('costs half a second at most after a short run', async () => {
    const layers = new FakeLayers();
    const limit = await measureLimit(layers, workOf(1));
    assert.deepEqual(
      layers.calls.map(([, rows]) => rows),
      [512, 512, 512, 512],
    );
    assert.ok(layers.seconds < 0.5, String(layers.seconds));
    near(limit!.protein, 1 / PER_ROW.protein);
  });

  it('costs a fiftieth of a long run of slow models', async () => {
    const layers = new FakeLayers();
    const work = workOf(40);
    assert.ok(await measureLimit(layers, work));
    assert.ok(
      layers.seconds <= Math.max(0.5, 0.02 * (work.seconds.dna + work.seconds.protein)),
      String(layers.seconds),
    );
  });

  it('is not measured after a run that is too short for it, or did nothing', async () => {
    const layers = new FakeLayers();
    const nothing = { batches: 0, dnaTokens: 0, proteinTokens: 0, seconds: { dna: 0, protein: 0, classifier: 0 } };
    for (const work of [nothing, workOf(1, 10)]) assert.equal(await measureLimit(layers, work), undefined);
    assert.deepEqual(layers.calls, []);
  });

  it('is one for both models together: the busy seconds of all parts count', () => {
    const work = { batches: 1, dnaTokens: 100, proteinTokens: 200, seconds: { dna: 2, protein: 5, classifier: 1 } };
    near(matmulEfficiency(work, { dna: 100, protein: 50 }), 5 / 8);
  });
});
