import { Option } from 'commander';
import type { Command } from 'commander';
import { DEFAULT_BATCH_TOKENS, DEFAULT_MIN_FRACTION, DEFAULT_THRESHOLD, MOST_BATCH_TOKENS } from '../index.js';
import type { PrecisionChoice } from '../index.js';
import { LOG_FORMATS, LOG_LEVELS } from '../monitor/log.js';
import type { LogFormat, LogLevel } from '../monitor/log.js';
import { DEFAULT_PROGRESS_INTERVAL } from '../monitor/progress.js';
import {
  commaSeparated,
  modelsOption,
  precisionOption,
  seconds,
  share,
  threadsOption,
  wholeNumber,
} from './option-values.js';

/** What the options of `predict` were given or default to, as commander names them. */
export interface PredictWords {
  output: string;
  model?: string;
  models?: string;
  precision: PrecisionChoice;
  device?: readonly string[];
  threads?: number;
  force?: boolean;
  keepIntermediate?: boolean;
  threshold: number;
  minFraction: number;
  esmBatchSize: number;
  dnabertBatchSize: number;
  engine: 'packed' | 'torchscript';
  progress: boolean;
  progressInterval: number;
  logFormat: LogFormat;
  logLevel: LogLevel;
}

/** Gives a command the options of `predict`, in the order in which help lists them. */
export function addPredictOptions(command: Command): Command {
  command.requiredOption('-o, --output <dir>', 'directory for the result files; made when missing');
  addEngineOptions(command);
  addOutputOptions(command);
  addBatchOptions(command);
  return addLogOptions(command);
}

function addEngineOptions(command: Command): Command {
  return command
    .option('-m, --model <name>', 'installed model to use (default: the only one that is installed)')
    .addOption(modelsOption())
    .addOption(precisionOption())
    .option(
      '-d, --device <ids>',
      'cpu or cuda:N, several with commas (default: every CUDA device, else the CPU)',
      commaSeparated,
    )
    .addOption(threadsOption());
}

function addOutputOptions(command: Command): Command {
  return command
    .option('-f, --force', 'write into a directory that is not empty, replacing the files of an earlier run')
    .option('--keep-intermediate', 'also write the classic files of chunks and reading frames')
    .option('--threshold <score>', 'virus score from which a window is called virus', share, DEFAULT_THRESHOLD)
    .option(
      '--min-fraction <share>',
      'share of scored windows from which a contig is called virus',
      share,
      DEFAULT_MIN_FRACTION,
    );
}

function addBatchOptions(command: Command): Command {
  return command
    .option(
      '--esm-batch-size <tokens>',
      'tokens of an ESM-2 batch; a longer sequence runs alone',
      wholeNumber(1, MOST_BATCH_TOKENS),
      DEFAULT_BATCH_TOKENS,
    )
    .option(
      '--dnabert-batch-size <tokens>',
      'tokens of a DNABERT batch; a longer sequence runs alone',
      wholeNumber(1, MOST_BATCH_TOKENS),
      DEFAULT_BATCH_TOKENS,
    )
    .addOption(
      new Option(
        '--engine <kind>',
        'packed: the fast forward; torchscript: the forward in the model file, for comparison',
      )
        .choices(['packed', 'torchscript'])
        .default('packed'),
    );
}

function addLogOptions(command: Command): Command {
  return command
    .option('--progress-interval <seconds>', 'time between lines of progress', seconds, DEFAULT_PROGRESS_INTERVAL)
    .option('--no-progress', 'no lines of progress')
    .addOption(
      new Option('--log-format <format>', 'form of the log on standard error').choices(LOG_FORMATS).default('text'),
    )
    .addOption(new Option('--log-level <level>', 'least level that is logged').choices(LOG_LEVELS).default('info'));
}
