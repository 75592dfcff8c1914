// @ts-check
/** All versions that setup and lint download. Sizes are of the wheels, for progress and disk space. */

/** @typedef {{ name: string, version: string, megabytes: number }} Wheel */

/** @type {Wheel} The Linux wheel serves as libtorch: the libraries are the same with and without a GPU. */
export const torch = { name: 'torch', version: '2.11.0', megabytes: 531 };

/**
 * The wheels of a libtorch for one major version of CUDA.
 * @typedef {{ torch: Wheel, companions: readonly Wheel[], cudaCompanions: readonly Wheel[] }} LibtorchWheels
 * companions: what libtorch_cpu.so itself links to, by the pins of torch's metadata; cudaCompanions: what
 * libtorch_cuda.so links to besides, directly or through one of these
 */

/** @type {LibtorchWheels} */
const forCuda13 = {
  torch,
  companions: [
    { name: 'nvidia-cuda-runtime', version: '13.0.96', megabytes: 2 },
    { name: 'nvidia-cuda-cupti', version: '13.0.85', megabytes: 11 },
  ],
  cudaCompanions: [
    { name: 'nvidia-cublas', version: '13.1.0.3', megabytes: 423 },
    { name: 'nvidia-cuda-nvrtc', version: '13.0.88', megabytes: 90 },
    { name: 'nvidia-cudnn-cu13', version: '9.19.0.56', megabytes: 366 },
    { name: 'nvidia-cufft', version: '12.0.0.61', megabytes: 214 },
    { name: 'nvidia-cufile', version: '1.15.1.6', megabytes: 1 },
    { name: 'nvidia-curand', version: '10.4.0.35', megabytes: 60 },
    { name: 'nvidia-cusolver', version: '12.0.4.66', megabytes: 201 },
    { name: 'nvidia-cusparse', version: '12.6.3.3', megabytes: 146 },
    { name: 'nvidia-cusparselt-cu13', version: '0.8.0', megabytes: 170 },
    { name: 'nvidia-nccl-cu13', version: '2.28.9', megabytes: 197 },
    { name: 'nvidia-nvjitlink', version: '13.0.88', megabytes: 41 },
    { name: 'nvidia-nvshmem-cu13', version: '3.4.5', megabytes: 60 },
    { name: 'nvidia-nvtx', version: '13.0.85', megabytes: 1 },
  ],
};

/**
 * For NVIDIA drivers from 525, which cannot run CUDA 13. PyTorch keeps this wheel of libtorch in an index of its own.
 * @type {LibtorchWheels}
 */
const forCuda12 = {
  torch: { name: 'torch', version: '2.11.0+cu128', megabytes: 900 },
  companions: [
    { name: 'nvidia-cuda-runtime-cu12', version: '12.8.90', megabytes: 1 },
    { name: 'nvidia-cuda-cupti-cu12', version: '12.8.90', megabytes: 10 },
  ],
  cudaCompanions: [
    { name: 'nvidia-cublas-cu12', version: '12.8.4.1', megabytes: 594 },
    { name: 'nvidia-cuda-nvrtc-cu12', version: '12.8.93', megabytes: 88 },
    { name: 'nvidia-cudnn-cu12', version: '9.19.0.56', megabytes: 658 },
    { name: 'nvidia-cufft-cu12', version: '11.3.3.83', megabytes: 193 },
    { name: 'nvidia-cufile-cu12', version: '1.13.1.3', megabytes: 1 },
    { name: 'nvidia-curand-cu12', version: '10.3.9.90', megabytes: 64 },
    { name: 'nvidia-cusolver-cu12', version: '11.7.3.90', megabytes: 268 },
    { name: 'nvidia-cusparse-cu12', version: '12.5.8.93', megabytes: 288 },
    { name: 'nvidia-cusparselt-cu12', version: '0.7.1', megabytes: 287 },
    { name: 'nvidia-nccl-cu12', version: '2.28.9', megabytes: 297 },
    { name: 'nvidia-nvjitlink-cu12', version: '12.8.93', megabytes: 39 },
    { name: 'nvidia-nvshmem-cu12', version: '3.4.5', megabytes: 139 },
    { name: 'nvidia-nvtx-cu12', version: '12.8.90', megabytes: 1 },
  ],
};

/** @typedef {12 | 13} CudaMajor */

/** @type {Record<CudaMajor, LibtorchWheels>} */
export const libtorchWheels = { 12: forCuda12, 13: forCuda13 };

/** Gigabytes that must be free in the cache while libtorch is downloaded and unpacked. */
export const diskSpace = { cpu: 2, cuda: 6 };

/** @type {Wheel} */
export const clangFormat = { name: 'clang-format', version: '21.1.8', megabytes: 2 };
