// @ts-check
/** Every version that setup and lint download, and nowhere else. Sizes are of the wheels, for progress and disk space. */

/** @typedef {{ name: string, version: string, megabytes: number }} Wheel */

/** @type {Wheel} The Linux wheel is the libtorch: the same libraries with and without a GPU. */
export const torch = { name: 'torch', version: '2.11.0', megabytes: 531 };

/** @type {readonly Wheel[]} What libtorch_cpu.so itself is linked to, by the pins of torch's metadata. */
export const companions = [
  { name: 'nvidia-cuda-runtime', version: '13.0.96', megabytes: 2 },
  { name: 'nvidia-cuda-cupti', version: '13.0.85', megabytes: 11 },
];

/** @type {readonly Wheel[]} What libtorch_cuda.so is linked to besides, directly or through one of these. */
export const cudaCompanions = [
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
];

/** Gigabytes that must be free in the cache while libtorch is downloaded and unpacked. */
export const diskSpace = { cpu: 2, cuda: 6 };

/** @type {Wheel} */
export const clangFormat = { name: 'clang-format', version: '21.1.8', megabytes: 2 };
