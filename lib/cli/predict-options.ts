import { Option } from 'commander';
import type { Command } from 'commander';
import {
  ENGINES,
  DEFAULT_DEVICE_TIMEOUT,
  DEFAULT_MEMORY_WARNING,
  DEFAULT_PROGRESS_INTERVAL,
  MAX_DEVICE_TIMEOUT,
  MAX_BATCH_TOKENS,
  MAX_WORKERS,
} from '../internal.js';
import type { Engine } from '../internal.js';
import { VirnucproError } from '../index.js';
import type { DeviceChoice, PrecisionChoice, PrepareOptions, TriageChoice } from '../index.js';
import { EMBEDDING_FORMATS } from '../embedding-files/formats.js';
import type { EmbeddingFormat } from '../embedding-files/formats.js';
import type { LogFormat, LogLevel } from '../monitor/log.js';
import { TABLE_FORMATS } from '../output/table-sink.js';
import type { TableFormat } from '../output/table-sink.js';
import {
  DEFAULT_MODEL,
  deviceChoice,
  gpuNumbers,
  memorySize,
  modelsOption,
  positiveFraction,
  precisionOption,
  resultDirectory,
  seconds,
  fraction,
  threadsOption,
  trustOption,
  wholeNumber,
  calibrationOption,
  logFormatOption,
  logLevelOption,
  minFractionOption,
  thresholdOption,
} from './option-values.js';

/** The options of `predict`, as given or by default, under commander's names. */
export interface PredictCommandOptions {
  output: string;
  model?: string;
  models?: string;
  trust?: boolean;
  triage?: string;
  triageOthersBelow?: number;
  triageVirusAtLeast?: number;
  precision: PrecisionChoice;
  device?: DeviceChoice;
  gpus?: readonly string[];
  workers?: number;
  threads?: number;
  maxMemory?: number;
  deviceTimeout: number;
  memoryWarning: number;
  force?: boolean;
  resume?: boolean;
  dryRun?: boolean;
  saveEmbeddings?: boolean;
  embeddingsFormat: 'f32' | EmbeddingFormat;
  tables: TableFormat;
  keepIntermediate?: boolean;
  threshold: number;
  calibration: boolean;
  minFraction: number;
  esmBatchSize?: number;
  dnabertBatchSize?: number;
  engine: Engine;
  progress: boolean;
  progressInterval: number;
  logFormat: LogFormat;
  logLevel: LogLevel;
}

/**
 * The options in the form that `prepare` takes.
 * @throws VirnucproError VNP_USAGE for thresholds of triage without its model
 */
export function prepareOptions(inputs: readonly string[], options: PredictCommandOptions): PrepareOptions {
  return {
    inputs,
    model: options.model,
    models: options.models,
    trust: options.trust,
    precision: options.precision,
    engine: options.engine,
    workers: options.workers,
    threads: options.threads,
    maxMemory: options.maxMemory,
    deviceTimeout: options.deviceTimeout,
    threshold: options.threshold,
    minFraction: options.minFraction,
    calibration: options.calibration,
    triage: triageChoice(options),
    devices: options.gpus ?? options.device,
    proteinBatchTokens: options.esmBatchSize,
    dnaBatchTokens: options.dnabertBatchSize,
    sequences: options.keepIntermediate,
    embeddings: options.saveEmbeddings,
  };
}

function triageChoice(options: PredictCommandOptions): TriageChoice | undefined {
  const { triage: model, triageOthersBelow: othersBelow, triageVirusAtLeast: virusAtLeast } = options;
  if (model !== undefined) {
    return {
      model,
      ...(othersBelow !== undefined && { othersBelow }),
      ...(virusAtLeast !== undefined && { virusAtLeast }),
    };
  }
  if (othersBelow === undefined && virusAtLeast === undefined) return undefined;
  const option = othersBelow === undefined ? '--triage-virus-at-least' : '--triage-others-below';
  throw new VirnucproError('VNP_USAGE', `${option} needs --triage <name>: name the model that does the triage`);
}

/** Adds the options of `predict` to a command, in the order in which help lists them. */
export function addPredictOptions(command: Command): Command {
  command.requiredOption('-o, --output <dir>', 'directory for the result files; created if missing', resultDirectory);
  addEngineOptions(command);
  addTriageOptions(command);
  addOutputOptions(command);
  addBatchOptions(command);
  return addLogOptions(command);
}

function addEngineOptions(command: Command): Command {
  command
    .option('-m, --model <name>', `model to use (${DEFAULT_MODEL})`)
    .addOption(modelsOption())
    .addOption(trustOption())
    .addOption(precisionOption());
  return addDeviceOptions(command).option(
    '--memory-warning <fraction>',
    "warn when this fraction of a device's memory is in use",
    positiveFraction,
    DEFAULT_MEMORY_WARNING,
  );
}

/** The options that say which devices compute, and with what. */
export function addDeviceOptions(command: Command): Command {
  return command
    .option(
      '-d, --device <ids>',
      'auto, cpu, cuda (every GPU), or ids such as cuda:1, comma-separated (default: every GPU, else the CPU)',
      deviceChoice,
    )
    .addOption(
      new Option(
        '--gpus <numbers>',
        'only these GPUs, comma-separated; numbered as in nvidia-smi, within CUDA_VISIBLE_DEVICES',
      )
        .argParser(gpuNumbers)
        .conflicts('device'),
    )
    .option(
      '--workers <n>',
      'workers on the CPU, which share its threads (at least one each) and the weights (default: 1)',
      wholeNumber(1, MAX_WORKERS),
    )
    .addOption(threadsOption())
    .option('--max-memory <size>', 'limit on the device memory of a worker, such as 8G (default: all)', memorySize)
    .option(
      '--device-timeout <seconds>',
      'abandon a GPU that makes no progress for this long; the others take over its work',
      wholeNumber(1, MAX_DEVICE_TIMEOUT),
      DEFAULT_DEVICE_TIMEOUT,
    );
}

function addTriageOptions(command: Command): Command {
  return command
    .option(
      '--triage <name>',
      'let this small model (mini: virnucpro-mini) read every window first and decide those it is sure of; ' +
        'the model of the run reads only the others',
    )
    .option(
      '--triage-others-below <score>',
      'with --triage: it is sure of windows with a calibrated virus score below this (default: measured for the model)',
      fraction,
    )
    .option(
      '--triage-virus-at-least <score>',
      'with --triage: it is sure of windows with at least this calibrated virus score (default: measured for the model)',
      fraction,
    );
}

function addOutputOptions(command: Command): Command {
  return command
    .option('-f, --force', 'write to a directory that is not empty, and replace the files of an earlier run')
    .addOption(
      new Option(
        '--resume',
        'continue an interrupted run: what is already in the directory is not computed again',
      ).conflicts('force'),
    )
    .option(
      '--dry-run',
      'check everything that can be checked without loading the model, print the plan, write nothing',
    )
    .option(
      '--save-embeddings',
      'also write the embedding of every scored ORF: 13 KB each with the published models, twice that during the run',
    )
    .addOption(
      new Option(
        '--embeddings-format <format>',
        'write the embeddings in this format instead, with the contig, window and frame of each; ' +
          '`call --model` reads f32 only',
      )
        .choices(['f32', ...EMBEDDING_FORMATS])
        .default('f32')
        .implies({ saveEmbeddings: true }),
    )
    .addOption(
      new Option('--tables <format>', 'format of the tables of contigs and windows; `call` reads tsv only')
        .choices(TABLE_FORMATS)
        .default('tsv'),
    )
    .option('--keep-intermediate', 'also write the intermediate files of the classic tool: chunks and ORFs')
    .addOption(thresholdOption())
    .addOption(minFractionOption())
    .addOption(calibrationOption());
}

function addBatchOptions(command: Command): Command {
  return command
    .option(
      '--esm-batch-size <tokens>',
      "tokens in an ESM-2 batch; a longer sequence runs alone (default: chosen by the devices' memory)",
      wholeNumber(1, MAX_BATCH_TOKENS),
    )
    .option(
      '--dnabert-batch-size <tokens>',
      "tokens in a DNABERT-S batch; a longer sequence runs alone (default: chosen by the devices' memory)",
      wholeNumber(1, MAX_BATCH_TOKENS),
    )
    .addOption(
      new Option(
        '--engine <kind>',
        'packed: the fast forward pass; torchscript: the one in the model file, for comparison',
      )
        .choices(ENGINES)
        .default('packed'),
    );
}

export function addLogOptions(command: Command): Command {
  return command
    .option('--progress-interval <seconds>', 'time between progress lines', seconds, DEFAULT_PROGRESS_INTERVAL)
    .option('--no-progress', 'no dashboard, and no progress lines')
    .addOption(logFormatOption())
    .addOption(logLevelOption());
}
