/** The fault of a simulated GPU; see machine.h. */
export type SimulatedFault = `lost@${number}` | `hangs@${number}` | `crowded@${number}` | 'unopenable' | 'taken';

/** What keeps results correct on a GPU; removable, to check that a test notices; see machine.h. */
export type Protection =
  'event-wait' | 'event-query' | 'stream-wait' | 'pinned-wait' | 'recorded-streams' | 'memory-share';

export interface SimulatedGpu {
  /** Compute capability. Default: 9.0. */
  readonly capability?: string;
  /** GiB. Default: 16. */
  readonly memory?: number;
  /** GiB that other processes leave. Default: all. */
  readonly free?: number;
  /** Mean delay of a kernel, in microseconds. Default: 20, late enough to matter and short enough for tests. */
  readonly delay?: number;
  readonly fault?: SimulatedFault;
}

/** How this project's kernels behave on the machine; see kernels.c and nvrtc.c of test/fixtures/fake-driver. */
export interface OwnKernels {
  /** The folder that compiled kernels are kept in. Default: one that is kept between runs of the tests. */
  readonly cache?: string;
  /** The name of a kernel that computes something wrong. */
  readonly wrong?: string;
  /** The name of a kernel that the compiler rejects. */
  readonly refused?: string;
  /** Whether there is a compiler. Default: true. */
  readonly compiler?: boolean;
  /** A file that gets a line for each compiled kernel. */
  readonly record?: string;
}

export interface SimulatedMachine {
  /** In bus order. */
  readonly gpus: readonly SimulatedGpu[];
  /** The CUDA version that the driver supports. Default: 13000, which is CUDA 13.0. */
  readonly cudaVersion?: number;
  /** Protections to remove. */
  readonly without?: readonly Protection[];
  /** By default this project's kernels are not used, so that libtorch's operators are tested. */
  readonly kernels?: OwnKernels;
  /** A file for the counts; see report.ts. */
  readonly report?: string;
}

/** `count` equal GPUs. */
export function alike(count: number, gpu: SimulatedGpu = {}): SimulatedGpu[] {
  return Array.from({ length: count }, () => gpu);
}

/** The machine as settings of the fake driver and of the simulated GPUs. */
export function settingsOf({
  gpus,
  cudaVersion,
  without = [],
  kernels,
  report,
}: SimulatedMachine): Record<string, string> {
  const each = (value: (gpu: SimulatedGpu) => string | number): string => gpus.map(value).join(',');
  return {
    FAKE_DEVICES: String(gpus.length),
    FAKE_CAPABILITIES: each(({ capability = '9.0' }) => capability),
    FAKE_MEMORY: each(({ memory = 16 }) => memory),
    FAKE_FREE: each(({ memory = 16, free = memory }) => free),
    SIMULATED_GPU_DELAY_US: each(({ delay = 20 }) => delay),
    SIMULATED_GPU_FAULTS: each(({ fault = 'none' }) => fault),
    SIMULATED_GPU_WITHOUT: without.join(','),
    VIRNUCPRO_CUDA_KERNELS: kernels === undefined ? '0' : '1',
    FAKE_WRONG_KERNEL: kernels?.wrong ?? '',
    FAKE_NVRTC_REFUSES: kernels?.refused ?? '',
    FAKE_NVRTC_RECORD: kernels?.record ?? '',
    ...(cudaVersion !== undefined && { FAKE_CUDA_VERSION: String(cudaVersion) }),
    ...(report !== undefined && { SIMULATED_GPU_REPORT: report }),
  };
}
