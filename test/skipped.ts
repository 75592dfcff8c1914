import { readFileSync } from 'node:fs';

/** Skips a test, or all of a suite where its `before` calls it, and prints why. */
export function skip(test: Mocha.Context, reason: string): never {
  console.log(`      (skipped: ${reason})`);
  return test.skip();
}

/**
 * Without AVX-512 the matrix library multiplies in another way, which sums in another order with another number of
 * threads.
 */
export function sumsAlikeWithAnyThreads(): boolean {
  return hasAvx512();
}

export function hasAvx512(): boolean {
  return readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
}
export const NO_AVX512 = 'without AVX-512 the last digits depend on the number of threads';
