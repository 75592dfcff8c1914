// @ts-check

/**
 * How far mean embeddings are from those of the baseline.
 * @param {number[][]} means [sequences][width]
 * @param {number[][]} baseline the same shape
 * @returns {{ cosine: number, relativeError: number }} the smallest cosine, and the largest L2 norm of the difference
 *   over that of the baseline's embedding
 */
export function agreementOf(means, baseline) {
  const rows = means.map((mean, index) => compared(mean, baseline[index] ?? []));
  if (rows.length === 0 || rows.length !== baseline.length) throw new Error('Expected an embedding of every sequence');
  return {
    cosine: Math.min(...rows.map(({ cosine }) => cosine)),
    relativeError: Math.max(...rows.map(({ relativeError }) => relativeError)),
  };
}

/** @param {number[]} one @param {number[]} other */
function compared(one, other) {
  if (one.length !== other.length) return { cosine: 0, relativeError: Infinity };
  const difference = one.map((value, index) => value - (other[index] ?? NaN));
  return {
    cosine: dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other)),
    relativeError: Math.sqrt(dot(difference, difference) / dot(other, other)),
  };
}

/** @param {number[]} one @param {number[]} other */
function dot(one, other) {
  return one.reduce((sum, value, index) => sum + value * (other[index] ?? NaN), 0);
}
