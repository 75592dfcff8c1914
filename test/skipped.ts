import { readFileSync } from 'node:fs';

/**
 * Skips a test, or a whole suite when its `before` calls it. The reason is appended to the titles in the report: output
 * of a test that runs in parallel with others could appear anywhere.
 */
export function skip(context: Mocha.Context, reason: string): never {
  const runnable = context.runnable() as Mocha.Hook | Mocha.Test;
  const explain = (test: Mocha.Test): void => void (test.title += ` (skipped: ${reason})`);
  if (runnable.type === 'test') explain(runnable);
  else runnable.parent?.eachTest(explain);
  return context.skip();
}

/**
 * Without AVX-512 the matrix library multiplies in a way whose order of summation depends on the number of threads.
 */
export function sumsAlikeWithAnyThreads(): boolean {
  return hasAvx512();
}

export function hasAvx512(): boolean {
  return readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
}

export const NO_AVX512 = 'without AVX-512 the last digits depend on the number of threads';
