import assert from 'node:assert/strict';
import { CudaEmulation, type KernelElement } from '../cuda-emulation/cuda-emulation.js';

const EVERYWHERE = ['rotary', 'add_norm', 'bias_gelu', 'gelu_times', 'sequence_mean', 'alibi_attention_64'];
const OTHER_WIDTHS = ['alibi_attention_16', 'alibi_attention_48', 'alibi_attention_128'];

const CHECKED: readonly { element: KernelElement; capability: number; kernels: readonly string[] }[] = [
  { element: 'float', capability: 90, kernels: [...EVERYWHERE, ...OTHER_WIDTHS] },
  { element: 'half', capability: 90, kernels: [...EVERYWHERE, ...OTHER_WIDTHS] },
  { element: 'bfloat16', capability: 90, kernels: EVERYWHERE },
  // Its tensor cores do not support the type.
  { element: 'bfloat16', capability: 75, kernels: ['alibi_attention_64'] },
];

describe('the CUDA kernels, emulated', () => {
  let emulation: CudaEmulation;
  before(function () {
    emulation = CudaEmulation.build(this);
  });

  for (const { element, capability, kernels } of CHECKED) {
    for (const kernel of kernels) {
      it(`${kernel} computes what libtorch does, in any order (${element}, capability ${capability / 10})`, () => {
        const comparisons = emulation.compare(kernel, element, capability);
        assert.ok(comparisons.length >= 3);
        for (const { what, fractionOfAllowed, sameInEveryOrder, moved, stated } of comparisons) {
          assert.ok(fractionOfAllowed <= 1, `${what}: ${fractionOfAllowed} of the error that is allowed`);
          assert.ok(sameInEveryOrder, `${what}: depends on the order of the threads`);
          assert.deepEqual(moved, stated, `${what}: bytes`);
        }
      });
    }
  }
});
