// @ts-check
/** The program of a child process, see runNative: its arguments are a task and the task's request as JSON. */
import { benchmark } from '../../dist/lib/benchmark.js';
import { measureAttention } from './native-attention.mjs';
import { compareWithGolden } from './native-golden.mjs';
import { measureKernels } from './native-kernels.mjs';

/** @type {Record<string, (request: any) => Promise<unknown>>} */
const tasks = { golden: compareWithGolden, attention: measureAttention, kernels: measureKernels, benchmark };

const [task = '', request = ''] = process.argv.slice(2);
/** @type {{ result?: unknown, error?: string } | undefined} */
let answer;
// After a disconnect nobody waits for an answer any more.
process.once('disconnect', () => process.exit(answer ? 0 : 1));
try {
  answer = { result: await tasks[task]?.(JSON.parse(request)) };
} catch (error) {
  answer = { error: error instanceof Error ? error.message : String(error) };
}
// The channel keeps the process alive; closing it before the answer is sent would lose the answer.
process.send?.(answer, undefined, {}, () => process.disconnect());
