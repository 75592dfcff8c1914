/** What is wrong with a simulated GPU; see machine.h. */
export type SimulatedFault = `lost@${number}` | `hangs@${number}` | `crowded@${number}` | 'unopenable' | 'taken';

/** What keeps numbers right on a GPU, and can be taken out to see that a test notices; see machine.h. */
export type Protection =
  'event-wait' | 'event-query' | 'stream-wait' | 'pinned-wait' | 'recorded-streams' | 'memory-share';

export interface SimulatedGpu {
  /** Compute capability. Default: 9.0. */
  readonly capability?: string;
  /** GiB. Default: 16. */
  readonly memory?: number;
  /** GiB that other processes have left. Default: all. */
  readonly free?: number;
  /** Mean delay of a kernel, in microseconds. Default: 20, so that there is lateness and no test takes long. */
  readonly delay?: number;
  readonly fault?: SimulatedFault;
}

/** How this project's kernels fare on the machine; see kernels.c and nvrtc.c of test/fixtures/fake-driver. */
export interface OwnKernels {
  /** The folder that they are kept in; default: one that is kept between runs of the tests. */
  readonly cache?: string;
  /** The name of one that computes something else. */
  readonly wrong?: string;
  /** The name of one that the compiler does not take. */
  readonly refused?: string;
  /** Whether the compiler is there. Default: true. */
  readonly compiler?: boolean;
  /** A file that a line is appended to for each that is compiled. */
  readonly record?: string;
}

export interface SimulatedMachine {
  /** In bus order. */
  readonly gpus: readonly SimulatedGpu[];
  /** What the driver speaks: 13000 is CUDA 13.0, the default. */
  readonly cudaVersion?: number;
  /** Protections that are taken out. */
  readonly without?: readonly Protection[];
  /** Default: the machine does without this project's kernels, so that libtorch's operators are tested. */
  readonly kernels?: OwnKernels;
  /** A file for the counts; see report.ts. */
  readonly report?: string;
}

/** `count` GPUs that are alike. */
export function alike(count: number, gpu: SimulatedGpu = {}): SimulatedGpu[] {
  return Array.from({ length: count }, () => gpu);
}

/** The machine in the words of the fake driver and of the simulated GPUs. */
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
