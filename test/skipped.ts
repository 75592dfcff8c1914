import { readFileSync } from 'node:fs';

/**
 * Skips a test, or all of a suite where its `before` calls it. The reason stands behind the titles in the report: what a
 * test prints while it runs beside others would stand anywhere.
 */
export function skip(context: Mocha.Context, reason: string): never {
  const runnable = context.runnable() as Mocha.Hook | Mocha.Test;
  const explain = (test: Mocha.Test): void => void (test.title += ` (skipped: ${reason})`);
  if (runnable.type === 'test') explain(runnable);
  else runnable.parent?.eachTest(explain);
  return context.skip();
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
