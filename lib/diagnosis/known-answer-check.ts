import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENGINES } from '../engine/addon.js';
import type { Precision } from '../engine/addon.js';
import { reasonOf } from '../errors.js';
import { failed, passed } from './check.js';
import type { Check } from './check.js';
import { runChild } from './child-process.js';
import type { KnownRunMessage, NativeMessage } from './child-process.js';
import type { ListedDevice } from './device-list.js';
import { largestDifference } from './golden-tensors.js';
import { EMBEDDING_STRIDE, KNOWN_VALUES } from './known-model.js';
import { mendingCommand } from '../engine/libtorch/find-libtorch.js';

/** The first use of a GPU compiles and loads a lot of code. */
const TIMEOUT_SECONDS = 180;

/** The largest tolerated absolute differences. */
interface Bounds {
  readonly embeddings: number;
  readonly scores: number;
}

/**
 * In float32: the effect of the order of summation. In 16 bits: four to seven times the differences measured with the
 * packed engine on a CPU (bf16: 0.020 for embeddings, 0.004 for scores), and half of what reading a sequence backwards
 * causes.
 */
export function boundsFor(device: string, precision: Precision): Bounds {
  if (precision !== 'fp32') return { embeddings: 0.08, scores: 0.03 };
  return device === 'cpu' ? { embeddings: 1e-5, scores: 1e-5 } : { embeddings: 1e-4, scores: 1e-4 };
}

/** Runs the known model on a device, in a child process, and compares the results with the stored values. */
export async function checkKnownAnswer({ id, automaticPrecision }: ListedDevice): Promise<Check> {
  const name = `known answer on ${id}`;
  const precisions = [...new Set<Precision>(['fp32', automaticPrecision])];
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(tmpdir(), 'virnucpro-doctor-'));
    const program = fileURLToPath(new URL('native-child.js', import.meta.url));
    const { messages, problem, stderr } = await runChild(
      program,
      ['known-answer', id, folder, ...precisions],
      TIMEOUT_SECONDS,
    );
    const received = messages as NativeMessage[];
    const runs = received.filter((message) => message.kind === 'run');
    const failure = received.find((message) => message.kind === 'failure');
    const lines = judge(id, runs);
    const details = lines.map(({ text }) => text);
    if (failure) return failed(name, `${failure.during} failed: ${failure.message}`, mend(id), details);
    if (problem !== undefined) {
      return failed(name, `the child process ${problem}`, mend(id), [...details, ...stderr]);
    }
    if (!lines.every(({ isWithin }) => isWithin)) {
      return failed(name, 'this device computes wrong values', mend(id), details);
    }
    return passed(name, `correct in ${precisions.join(' and ')}, both engines agree`, details);
  } catch (error) {
    return failed(name, reasonOf(error), 'Set TMPDIR to a folder that can be written to');
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

function mend(device: string): string {
  const rebuilt = mendingCommand('LIBTORCH', 'VIRNUCPRO_ADDON');
  return device === 'cpu' ? rebuilt : `Check the device with nvidia-smi, then ${rebuilt}`;
}

export interface Comparison {
  readonly text: string;
  readonly isWithin: boolean;
}

type Run = Pick<KnownRunMessage, 'engine' | 'precision' | 'scores' | 'embeddings'>;

/** Compares every run with the stored values, and in float32 the engines with each other. */
export function judge(device: string, runs: readonly Run[]): Comparison[] {
  const comparisons = runs.map((run) => {
    const frames = KNOWN_VALUES.virusScores.length;
    const width = run.embeddings.length / frames;
    const entries = KNOWN_VALUES.embeddings.flatMap((known, frame) =>
      known.map((_, index) => run.embeddings[frame * width + index * EMBEDDING_STRIDE] ?? NaN),
    );
    const embeddings = largestDifference(entries, KNOWN_VALUES.embeddings.flat());
    const virus = run.scores.filter((_, index) => index % 2 === 1);
    const scores = largestDifference(virus, KNOWN_VALUES.virusScores);
    return compare(
      `${run.engine} engine in ${run.precision}`,
      { embeddings, scores },
      boundsFor(device, run.precision),
    );
  });
  const [packed, torchscript] = ENGINES.map((engine) =>
    runs.find((run) => run.engine === engine && run.precision === 'fp32'),
  );
  if (packed && torchscript) {
    const embeddings = largestDifference(packed.embeddings, torchscript.embeddings);
    const scores = largestDifference(packed.scores, torchscript.scores);
    comparisons.push(compare('the two engines in fp32', { embeddings, scores }, boundsFor(device, 'fp32')));
  }
  return comparisons;
}

function compare(what: string, found: Bounds, allowed: Bounds): Comparison {
  const parts = (['embeddings', 'scores'] as const).map(
    (part) => `${part} off by ${found[part].toExponential(1)} (at most ${allowed[part]})`,
  );
  const isWithin = found.embeddings <= allowed.embeddings && found.scores <= allowed.scores;
  return { text: `${what}: ${parts.join(', ')}${isWithin ? '' : ': too much'}`, isWithin };
}
