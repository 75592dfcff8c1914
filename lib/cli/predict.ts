import { basename, extname } from 'node:path';
import { Argument, Command, Option } from 'commander';
import {
  DEFAULT_BATCH_TOKENS,
  DEFAULT_MIN_FRACTION,
  DEFAULT_PRECISION,
  DEFAULT_THRESHOLD,
  PRECISIONS,
  checkInputs,
  inspectModel,
  packageVersion,
} from '../index.js';
import type { InputFile, InspectedModel, PrecisionChoice } from '../index.js';
import { createLog, LOG_FORMATS, LOG_LEVELS } from '../monitor/log.js';
import type { LogFormat, LogLevel } from '../monitor/log.js';
import { DEFAULT_PROGRESS_INTERVAL } from '../monitor/progress.js';
import { tableComment } from '../output/manifest.js';
import { openResultDirectory } from '../output/result-directory.js';
import { seconds, share, wholeNumber } from './option-values.js';
import { runPrediction } from './predict-run.js';

/** The options of `predict`, as commander names them. */
export interface PredictWords {
  output: string;
  model?: string;
  models?: string;
  precision: PrecisionChoice;
  device?: string[];
  threads?: number;
  force: boolean;
  keepIntermediate: boolean;
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

export function predictCommand(): Command {
  return new Command('predict')
    .description('Scores every window of every record and writes the result files.')
    .addArgument(new Argument('<input...>', 'FASTA files, directories of them, or - for standard input'))
    .requiredOption('-o, --output <dir>', 'directory for the result files; made when missing')
    .option('-m, --model <name>', 'installed model to use (default: the only one that is installed)')
    .option(
      '--models <dir>',
      'folder of the installed models (default: $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models)',
    )
    .addOption(
      new Option(
        '-p, --precision <type>',
        'number type of the matrix work; auto takes bf16 where the device computes it natively, else fp32',
      )
        .choices(PRECISIONS)
        .default(DEFAULT_PRECISION),
    )
    .option('-d, --device <id...>', 'cpu or cuda:N, several for several (default: every CUDA device, else the CPU)')
    .option('-t, --threads <n>', 'CPU threads for matrix work (default: all cores)', wholeNumber(1))
    .option('-f, --force', 'write into a directory that is not empty, replacing the files of an earlier run', false)
    .option('--keep-intermediate', 'also write the classic files of chunks and reading frames', false)
    .option('--threshold <score>', 'virus score from which a window is called virus', share, DEFAULT_THRESHOLD)
    .option(
      '--min-fraction <share>',
      'share of scored windows from which a contig is called virus',
      share,
      DEFAULT_MIN_FRACTION,
    )
    .option(
      '--esm-batch-size <tokens>',
      'tokens of an ESM-2 batch; a longer sequence runs alone',
      wholeNumber(1),
      DEFAULT_BATCH_TOKENS,
    )
    .option(
      '--dnabert-batch-size <tokens>',
      'tokens of a DNABERT batch; a longer sequence runs alone',
      wholeNumber(1),
      DEFAULT_BATCH_TOKENS,
    )
    .addOption(
      new Option(
        '--engine <kind>',
        'packed: the fast forward; torchscript: the forward in the model file, for comparison',
      )
        .choices(['packed', 'torchscript'])
        .default('packed'),
    )
    .option('--progress-interval <seconds>', 'time between lines of progress', seconds, DEFAULT_PROGRESS_INTERVAL)
    .option('--no-progress', 'no lines of progress')
    .addOption(
      new Option('--log-format <format>', 'form of the log on standard error').choices(LOG_FORMATS).default('text'),
    )
    .addOption(new Option('--log-level <level>', 'least level that is logged').choices(LOG_LEVELS).default('info'))
    .action(async (inputs: string[], words: PredictWords) => {
      process.exitCode = await predict(inputs, words);
    });
}

/** Everything that can be wrong without a model is found before one is loaded. */
async function predict(inputs: string[], words: PredictWords): Promise<number> {
  const log = createLog({ format: words.logFormat, level: words.logLevel });
  const files = await checkInputs(inputs);
  const model = await inspectModel(words.model, { models: words.models });
  const directory = await openResultDirectory({
    directory: words.output,
    force: words.force,
    keepIntermediate: words.keepIntermediate,
    chunkSize: model.chunkSize,
    inputName: inputName(inputs, files),
    comment: comment(model, words),
    threshold: words.threshold,
  });
  return runPrediction({ inputs, files, words, model, directory, log });
}

/** The name that the classic intermediate files begin with. */
function inputName(inputs: readonly string[], files: readonly InputFile[]): string {
  if (inputs.length > 1 || files.length !== 1) return 'inputs';
  const [file] = files;
  if (!file || file.path === '-') return 'stdin';
  return basename(file.path, extname(file.path));
}

function comment({ name, random, chunkSize }: InspectedModel, words: PredictWords): string {
  const { threshold, minFraction } = words;
  return tableComment({
    version: packageVersion,
    model: name,
    random,
    parameters: { window: chunkSize, threshold, min_fraction: minFraction },
  });
}
