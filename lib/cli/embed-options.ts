import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { DeviceChoice, PrecisionChoice } from '../index.js';
import {
  DEFAULT_MAX_LENGTH,
  EMBEDDING_FORMATS,
  LONG_SEQUENCES,
  MAX_BATCH_TOKENS,
  MAX_MAX_LENGTH,
  planEmbeddings,
} from '../internal.js';
import type { EmbeddingFormat, LongSequences } from '../internal.js';
import type { LogFormat, LogLevel } from '../monitor/log.js';
import { modelsOption, precisionOption, trustOption, wholeNumber } from './option-values.js';
import { addDeviceOptions, addLogOptions } from './predict-options.js';

const POOLS = ['mean', 'cls', 'max', 'tokens'] as const;

/** The options of `embed`, as given or by default, under commander's names. */
export interface EmbedCommandOptions {
  output: string;
  part: 'protein' | 'dna';
  format?: EmbeddingFormat;
  model?: string;
  models?: string;
  trust?: boolean;
  pool: (typeof POOLS)[number];
  layers?: number[];
  long: LongSequences;
  maxLength?: number;
  precision: PrecisionChoice;
  device?: DeviceChoice;
  gpus?: readonly string[];
  workers?: number;
  threads?: number;
  maxMemory?: number;
  deviceTimeout: number;
  batchTokens?: number;
  force?: boolean;
  resume?: boolean;
  progress: boolean;
  progressInterval: number;
  logFormat: LogFormat;
  logLevel: LogLevel;
}

type Request = Parameters<typeof planEmbeddings>[0];

/** The options in the form that `planEmbeddings` takes. */
export function embeddingRequest(inputs: readonly string[], options: EmbedCommandOptions): Request {
  const { model, models, trust, part, pool, layers, output, format, maxLength, batchTokens } = options;
  const { precision, workers, threads, maxMemory, deviceTimeout } = options;
  return {
    ...{ inputs, output, format, part, pool, layers, maxLength, model, models, trust, batchTokens },
    ...{ precision, workers, threads, maxMemory, deviceTimeout },
    longSequences: options.long,
    devices: options.gpus ?? options.device,
  };
}

/** Adds the options of `embed` to a command, in the order in which help lists them. */
export function addEmbedOptions(command: Command): Command {
  command
    .requiredOption(
      '-o, --output <path>',
      'file to write; its extension names the format. A path for --format pt that does not end in .pt is a folder ' +
        'with a file for each sequence',
      outputPath,
    )
    .addOption(
      new Option('--part <part>', 'the language model to use: protein (ESM-2) or dna (DNABERT-S)')
        .choices(['protein', 'dna'])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--format <format>', 'format of the file (default: what its extension names)').choices(
        EMBEDDING_FORMATS,
      ),
    )
    .option(
      '-m, --model <name>',
      'model to use (default: the only installed one that has this part, or virnucpro-mini if there is none)',
    )
    .addOption(modelsOption())
    .addOption(trustOption());
  addEmbeddingOptions(command);
  command.addOption(precisionOption());
  addDeviceOptions(command)
    .option(
      '--batch-tokens <n>',
      "tokens in a batch; a longer sequence runs alone (default: chosen by the devices' memory)",
      wholeNumber(1, MAX_BATCH_TOKENS),
    )
    .option('-f, --force', 'replace the output of an earlier run, and discard an unfinished one')
    .addOption(
      new Option('--resume', 'continue an interrupted run: what it has computed is not computed again').conflicts(
        'force',
      ),
    );
  return addLogOptions(command);
}

function addEmbeddingOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--pool <pool>',
        'what to write of the states of the tokens: their mean, that of the first special token (cls), the maximum of ' +
          'each number, or all tokens',
      )
        .choices(POOLS)
        .default('mean'),
    )
    .option(
      '--layers <numbers>',
      'layers whose states to write, comma-separated; 0 is the token embeddings (default: the last layer)',
      layerNumbers,
    )
    .addOption(
      new Option(
        '--long <rule>',
        'sequences longer than --max-length: read in overlapping windows, whose states are averaged; or cut off; or ' +
          'left out, with an error',
      )
        .choices(LONG_SEQUENCES)
        .default('windows'),
    )
    .option(
      '--max-length <tokens>',
      'residues, or tokens of DNA, that the model reads at once (default: what it was trained on, ' +
        `${DEFAULT_MAX_LENGTH.protein} residues or ${DEFAULT_MAX_LENGTH.dna} tokens)`,
      wholeNumber(1, MAX_MAX_LENGTH),
    );
}

function outputPath(word: string): string {
  if (word !== '' && word !== '-') return word;
  throw new InvalidArgumentError('Expected the path of a file, which appears when it is complete.');
}

function layerNumbers(word: string): number[] {
  const parts = word.split(',').map((part) => part.trim());
  if (parts.every((part) => /^\d{1,6}$/.test(part))) return parts.map(Number);
  throw new InvalidArgumentError('Expected comma-separated numbers of layers, such as 0,30.');
}
