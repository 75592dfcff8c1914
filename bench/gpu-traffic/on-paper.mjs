// @ts-check
/**
 * The time that a layer takes on a GPU, calculated from what it computes and moves. Nothing here was measured on a GPU:
 * the assumptions are the constants below, and `assumptions` describes them.
 */

/**
 * What one layer does for one token.
 * @typedef {object} LayerWork
 * @property {number} linear multiplications and additions in the linear layers
 * @property {number} attention the same in attention's two matrix products
 * @property {number} kernels launched per batch, without the matrix products of the linear layers
 * @property {number} bytes that these kernels read and write
 */

/**
 * @typedef {object} Gpu
 * @property {string} name
 * @property {number} peak dense BF16 multiplications and additions a second with sums in FP32, by NVIDIA's data sheet
 * @property {number} matmul fraction of the peak that cuBLAS reaches for matrices of this size
 * @property {number} bandwidth bytes a second, by NVIDIA's data sheet
 */

/** @type {readonly Gpu[]} */
export const GPUS = [
  { name: 'H100 SXM', peak: 989e12, matmul: 0.7, bandwidth: 3.35e12 },
  { name: 'RTX 4090', peak: 165e12, matmul: 0.9, bandwidth: 1.008e12 },
];

/** Fraction of the bandwidth reached by a kernel that reads and writes each byte once. */
const REACHED_BANDWIDTH = 0.85;
/** Fraction of the peak reached by attention's products. */
const ATTENTION_SHARE = 0.35;
/** Seconds between the end of a kernel and the start of the next in the same stream. */
const GAP = 1.5e-6;

/** @param {number} tokens of a batch */
export function assumptions(tokens) {
  return [
    `${tokens} tokens a batch; every kernel waits for the one before it, ${GAP * 1e6} µs`,
    ...GPUS.map(
      ({ name, peak, matmul, bandwidth }) =>
        `${name}: ${peak / 1e12} TFLOPS in BF16 (data sheet), of which matrix products reach ${matmul * 100} %; ` +
        `${bandwidth / 1e12} TB/s (data sheet), of which a kernel reaches ${REACHED_BANDWIDTH * 100} %`,
    ),
    `attention's products reach ${ATTENTION_SHARE * 100} % of the peak, and its bytes are added`,
    'every byte comes from memory and goes there: what a cache of 50 to 72 MB saves is not counted',
    "bytes are those of a kernel's operands, each once; the weights are counted with the matrix products, which are not short of bandwidth",
  ];
}

/**
 * @param {LayerWork} work @param {Gpu} gpu @param {number} tokens of a batch
 * @returns {{ secondsOfToken: number, matmulEfficiency: number }} matmulEfficiency: fraction spent in the linear layers
 */
export function onPaper({ linear, attention, kernels, bytes }, gpu, tokens) {
  const linearSeconds = linear / (gpu.peak * gpu.matmul);
  const attentionSeconds = attention / (gpu.peak * ATTENTION_SHARE);
  const movingSeconds = bytes / (gpu.bandwidth * REACHED_BANDWIDTH);
  const gapSeconds = (kernels * GAP) / tokens;
  const secondsOfToken = linearSeconds + attentionSeconds + movingSeconds + gapSeconds;
  return { secondsOfToken, matmulEfficiency: linearSeconds / secondsOfToken };
}
