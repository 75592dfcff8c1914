import { Command, Option } from 'commander';
import {
  BENCHMARK_WINDOWS,
  DEFAULT_BENCHMARK_BATCH_TOKENS,
  DEFAULT_BENCHMARK_SEQUENCES,
  MAX_BENCHMARK_SEQUENCES,
  MAX_REPEATS,
  benchmark,
} from '../benchmark.js';
import type { BenchmarkOptions, BenchmarkProgress } from '../benchmark.js';
import { VirnucproError } from '../index.js';
import type { PrecisionChoice } from '../index.js';
import { ENGINES, MAX_BATCH_TOKENS } from '../internal.js';
import type { Engine } from '../internal.js';
import { DEFAULT_CHUNK_SIZE, DEFAULT_DNA_SIZE, DNABERT_SIZES, ESM2_SIZES } from '../models.js';
import { benchTable } from './bench-table.js';
import { removeTemporaryArchives } from '../benchmark/temporary-archive.js';
import { leaveNow } from './end-of-process.js';
import { EXIT_OF_SIGNAL } from './exit-codes.js';
import { modelsOption, precisionOption, threadsOption, trustOption, wholeNumber } from './option-values.js';
import { Signals } from './signals.js';
import { bytes as bytesText } from '../monitor/quantities.js';

/** The options of `bench`, as given or by default, under commander's names. */
interface BenchCommandOptions {
  esm?: string | true;
  dna?: string | true;
  model?: string;
  models?: string;
  trust?: boolean;
  fasta?: string;
  limit: number;
  window?: string;
  tokens: number;
  repeats?: number;
  precision: PrecisionChoice;
  device?: string;
  threads?: number;
  engine: Engine;
  json?: boolean;
}

export function benchCommand(): Command {
  const command = new Command('bench').description(
    'Measures one language model on one device: speed, the fraction of what its matrix products alone would reach, where ' +
      'the time goes, and memory. Unless --model names an installed model, weights are random, at a published size, ' +
      'and stored in $TMPDIR while they are loaded (2 bytes per parameter).',
  );
  addModelOptions(command);
  addInputOptions(command);
  addEngineOptions(command);
  return command
    .option('--json', 'print the figures as one JSON object')
    .action(async ({ json = false, ...words }: BenchCommandOptions) => {
      const report = await untilStopped(() => benchmark({ ...benchmarkOptions(words), onProgress: printProgress }));
      console.log(json ? JSON.stringify(report, undefined, 2) : benchTable(report));
    });
}

function addModelOptions(command: Command): void {
  command
    .option(
      '--esm [size]',
      `measure ESM-2; the size is one of ${[...ESM2_SIZES.keys()].join(', ')}, or a part of its name such as 150M ` +
        '(default: that of --model)',
    )
    .option(
      '--dna [size]',
      `measure DNABERT-S; the size is one of ${[...DNABERT_SIZES.keys()].join(', ')} ` +
        `(default: that of --model, else ${DEFAULT_DNA_SIZE})`,
    )
    .option('-m, --model <name>', 'installed model to take the weights from')
    .addOption(modelsOption())
    .addOption(trustOption());
}

function addInputOptions(command: Command): void {
  command
    .option(
      '--fasta <file>',
      'sequences to embed: proteins for --esm; contigs for --dna, cut into windows as in predict ' +
        '(default: generated sequences as long as those of windows)',
    )
    .option(
      '--limit <n>',
      'embed only the first n sequences',
      wholeNumber(1, MAX_BENCHMARK_SEQUENCES),
      DEFAULT_BENCHMARK_SEQUENCES,
    )
    .addOption(
      new Option(
        '--window <bases>',
        `length of a window (default: that of --model, else ${DEFAULT_CHUNK_SIZE})`,
      ).choices(BENCHMARK_WINDOWS.map(String)),
    )
    .option(
      '--tokens <n>',
      'tokens in a batch; a longer sequence runs alone',
      wholeNumber(1, MAX_BATCH_TOKENS),
      DEFAULT_BENCHMARK_BATCH_TOKENS,
    )
    .option(
      '--repeats <n>',
      'number of measurements (default: as many as take 10 seconds, at least 3)',
      wholeNumber(1, MAX_REPEATS),
    );
}

function addEngineOptions(command: Command): void {
  command
    .addOption(precisionOption())
    .option('-d, --device <id>', 'cpu or cuda:N (default: the first CUDA device, else the CPU)')
    .addOption(threadsOption())
    .addOption(
      new Option(
        '--engine <kind>',
        'packed: the fast forward pass; torchscript: the one in the model file (only speed and memory are measured)',
      )
        .choices(ENGINES)
        .default('packed'),
    );
}

/** @throws VirnucproError VNP_USAGE */
function benchmarkOptions({ esm, dna, window, tokens, ...same }: BenchCommandOptions): BenchmarkOptions {
  if ((esm === undefined) === (dna === undefined)) {
    const received = esm === undefined ? 'neither' : 'both';
    throw new VirnucproError(
      'VNP_USAGE',
      `Expected --esm or --dna for bench but received ${received}. Give one of them`,
    );
  }
  const size = esm ?? dna;
  return {
    ...same,
    part: esm === undefined ? 'dna' : 'protein',
    batchTokens: tokens,
    ...(typeof size === 'string' && { size }),
    ...(window !== undefined && { window: Number(window) }),
  };
}

/** Ctrl-C removes the temporary archives and ends the process at once: there is nothing to wait for. */
async function untilStopped<T>(work: () => Promise<T>): Promise<T> {
  const signals = new Signals();
  signals.stopped.addEventListener('abort', () => {
    const signal = signals.received!;
    removeTemporaryArchives();
    leaveNow({ code: EXIT_OF_SIGNAL.get(signal)!, signal });
  });
  try {
    return await work();
  } finally {
    signals.release();
  }
}

function printProgress(progress: BenchmarkProgress): void {
  if (progress.step === 'check') {
    console.error(`checking the model's file, ${bytesText(progress.bytes)} (only once, unless it changes)`);
    return;
  }
  // Only this step writes to disk, and it may take minutes.
  if (progress.step !== 'write') return;
  const { bytes, folder } = progress;
  console.error(`writing random weights, ${(bytes / 1e6).toFixed(0)} MB, to ${folder} until they are loaded`);
}
