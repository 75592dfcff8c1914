import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { installGoldenModel, openOnCpu } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';

describe('a loading', () => {
  let installed: InstalledModel;
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());

  const threads = (): number => readdirSync('/proc/self/task').length;

  it('is ended by its signal, with its thread, and only the loading', async () => {
    const ended = new AbortController();
    const worker = await openOnCpu(installed.model, { signal: ended.signal });
    ended.abort();
    assert.equal((await worker.classify(new Float32Array(112))).length, 2);
    await worker.close();
    const before = threads();
    for (const engine of ['packed', 'torchscript'] as const) {
      const opening = openOnCpu(installed.model, { engine, signal: AbortSignal.abort() });
      await assert.rejects(opening, {
        code: 'VNP_ABORTED',
        message: 'The caller cancelled the loading',
      });
    }
    // The kernel lists a thread a moment longer than it runs.
    for (let wait = 0; wait < 100 && threads() > before; wait++) await new Promise((done) => setTimeout(done, 20));
    assert.ok(threads() <= before, `${threads()} threads, ${before} before`);
  });

  it('is ended by nothing but a signal', async () => {
    for (const signal of ['enough', {}, { aborted: false }, { aborted: 1, addEventListener: () => undefined }]) {
      const opening = openOnCpu(installed.model, { signal: signal as unknown as AbortSignal });
      await assert.rejects(opening, { code: 'VNP_ARGUMENT', message: /signal|aborted/ });
    }
  });
});
