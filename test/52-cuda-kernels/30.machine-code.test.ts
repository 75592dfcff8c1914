import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resourcesOf } from '../cuda-emulation/cubin.js';
import { CudaEmulation, type GpuTarget, type KernelElement } from '../cuda-emulation/cuda-emulation.js';
import { provideNvrtc, type NvrtcLibraries } from '../cuda-emulation/nvrtc.js';

const CAPABILITIES = [75, 80, 86, 89, 90, 100, 120];

/** bfloat16 on older GPUs too, which compute it with float32 instructions. */
const KERNELS: Readonly<Record<KernelElement, readonly string[]>> = {
  float: ['rotary', 'add_norm', 'bias_gelu', 'gelu_times', 'sequence_mean', 'alibi_attention_64'],
  half: ['rotary', 'add_norm', 'bias_gelu', 'gelu_times', 'alibi_attention_64'],
  bfloat16: ['rotary', 'add_norm', 'bias_gelu', 'gelu_times', 'alibi_attention_64'],
};
/** Other head widths, with and without tensor cores. */
const WIDTHS = [16, 32, 48, 80, 96, 112, 128].map((width) => `alibi_attention_${width}`);
const TARGETS: readonly GpuTarget[] = [
  ...CAPABILITIES.flatMap((capability) =>
    (Object.keys(KERNELS) as KernelElement[]).map((element) => ({ capability, element, kernels: KERNELS[element] })),
  ),
  { capability: 80, element: 'float', kernels: WIDTHS },
  { capability: 80, element: 'half', kernels: WIDTHS },
];

/** Registers of a multiprocessor, and the default maximum of a block's shared memory, in bytes. */
const REGISTERS = 65536;
const SHARED = 48 << 10;
/** Maximum threads of a block, by csrc/cuda_kernels/kernel_calls.cc. */
const THREADS: Readonly<Record<string, number>> = { add_norm: 640, sequence_mean: 256 };
const THREADS_OF_OTHERS = 128;

describe('the machine code of the CUDA kernels', () => {
  let emulation: CudaEmulation;
  let nvrtc: NvrtcLibraries;
  let folder: string | undefined;
  before(async function () {
    emulation = CudaEmulation.build(this);
    nvrtc = await provideNvrtc(this);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cubins-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  it('spills no registers, and fits a multiprocessor', async () => {
    // Two at a time.
    const left = [...TARGETS];
    const work = async (): Promise<void> => {
      for (let target = left.shift(); target !== undefined; target = left.shift()) await check(target);
    };
    await Promise.all([work(), work()]);
  });

  async function check(target: GpuTarget): Promise<void> {
    const to = mkdtempSync(join(folder!, 'compiled-'));
    await emulation.compileForGpu(nvrtc, target, to);
    const words = target.kernels.map((kernel) => {
      const { registers, spilled, shared } = resourcesOf(readFileSync(join(to, `${kernel}.cubin`)), kernel);
      const what = `${kernel}, ${target.element}, sm_${target.capability}`;
      assert.equal(spilled, 0, `${what}: bytes that are spilled`);
      assert.ok(shared <= SHARED, `${what}: ${shared} bytes of shared memory`);
      // Registers are allocated to a thread in units of 8.
      const given = Math.ceil(registers / 8) * 8;
      assert.ok(registers > 0 && given * (THREADS[kernel] ?? THREADS_OF_OTHERS) <= REGISTERS, `${what}: ${registers}`);
      return `${kernel} ${registers}`;
    });
    console.log(`      registers, sm_${target.capability}, ${target.element}: ${words.join(', ')}`);
  }
});
