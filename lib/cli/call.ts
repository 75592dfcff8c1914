import { Command } from 'commander';
import type { Logger } from 'pino';
import { expected } from '../errors.js';
import { packageVersion } from '../index.js';
import { describeModel } from '../internal.js';
import { EmbeddingClassifier } from '../models.js';
import { createLog, logEvent } from '../monitor/log.js';
import type { LogFormat, LogLevel } from '../monitor/log.js';
import type { RunManifest } from '../output/manifest.js';
import type { OtherClassifier } from '../rescore/other-classifier.js';
import { rescore } from '../rescore/rescore.js';
import { EXIT_OF_OUTCOME } from './exit-codes.js';
import { exitCodeOf } from './failed-command.js';
import {
  calibrationOption,
  logFormatOption,
  logLevelOption,
  minFractionOption,
  modelsOption,
  resultDirectory,
  thresholdOption,
  threadsOption,
  trustOption,
} from './option-values.js';
import { Signals } from './signals.js';

/** The options of `call`, as given or by default, under commander's names. */
interface CallCommandOptions {
  threshold: number;
  minFraction: number;
  model?: string;
  models?: string;
  trust?: boolean;
  calibration: boolean;
  threads?: number;
  input?: string[];
  output?: string;
  logFormat: LogFormat;
  logLevel: LogLevel;
}

export function callCommand(): Command {
  return new Command('call')
    .description(
      'Applies another threshold to the stored scores of a finished run, without its model: rewrites contigs.tsv, ' +
        'windows.tsv, virus.fna and run.json as predict with these options would have written them. With --model, the ' +
        'classifier of another model first scores the stored embeddings, and the classic files are rewritten too.',
    )
    .argument('<dir>', 'directory of the results')
    .addOption(thresholdOption())
    .addOption(minFractionOption())
    .option(
      '-m, --model <name>',
      'model whose classifier scores the embeddings of a run with --save-embeddings; its language models must ' +
        'be those of the run (default: none, use the stored scores)',
    )
    .addOption(modelsOption())
    .addOption(trustOption())
    .addOption(threadsOption())
    .addOption(calibrationOption())
    .option(
      '-i, --input <path...>',
      'the inputs of the run, in the same order, if they have moved or came from standard input; read only if a ' +
        'further record becomes virus',
    )
    .option(
      '-o, --output <dir>',
      'write to this empty or new directory, and leave the results unchanged',
      resultDirectory,
    )
    .addOption(logFormatOption())
    .addOption(logLevelOption())
    .action(async (directory: string, options: CallCommandOptions) => {
      process.exitCode = await call(directory, options);
    });
}

async function call(directory: string, options: CallCommandOptions): Promise<number> {
  const log = createLog({ format: options.logFormat, level: options.logLevel });
  const start = performance.now();
  let classifier: EmbeddingClassifier | undefined;
  const signals = new Signals();
  try {
    const { threshold, minFraction, input: inputs = [], output } = options;
    classifier = await openClassifier(options, signals.stopped);
    const manifest = await rescore({
      directory,
      rule: { threshold, minFraction },
      output,
      inputs,
      signal: signals.stopped,
      classifier: classifier && otherClassifier(classifier),
      onWaiting: (reason) => logEvent(log, { event: 'waiting', reason }),
      version: packageVersion,
      commandLine: ['virnucpro', ...process.argv.slice(2)],
    });
    return reportEnd(log, manifest, { output: output ?? directory, total: (performance.now() - start) / 1000 });
  } catch (error) {
    return exitCodeOf(error, { log, signals, logFormat: options.logFormat });
  } finally {
    await classifier?.close();
    signals.release();
  }
}

/** Without --model nothing is loaded. */
async function openClassifier(
  options: CallCommandOptions,
  signal: AbortSignal,
): Promise<EmbeddingClassifier | undefined> {
  const { model, models, trust, threads, calibration } = options;
  const ofModel = { models, trust, threads, 'no-calibration': calibration ? undefined : true };
  const given = Object.entries(ofModel).find(([, value]) => value !== undefined);
  if (model === undefined && given !== undefined) {
    const next = 'A call loads a model only to apply another classifier';
    throw expected('VNP_USAGE', '--model <name>', `--${given[0]}`, 'none', next);
  }
  if (model === undefined) return undefined;
  return EmbeddingClassifier.open({
    model,
    calibration,
    signal,
    ...(models !== undefined && { models }),
    ...(trust !== undefined && { trust }),
    ...(threads !== undefined && { threads }),
  });
}

function otherClassifier(classifier: EmbeddingClassifier): OtherClassifier {
  const { model, width, temperature } = classifier;
  return { model: describeModel(model), width, temperature, classify: (embeddings) => classifier.classify(embeddings) };
}

/** Logs the counts. The exit code follows from the outcome of the run that made the scores. */
function reportEnd(log: Logger, manifest: RunManifest, { output, total }: { output: string; total: number }): number {
  const { model, triage, outcome, counts } = manifest;
  const { name, card = null } = model;
  for (const { name, random } of triage ? [model, triage.model] : [model]) {
    if (random) logEvent(log, { event: 'random-weights', model: name });
  }
  if (outcome === 'stopped') {
    const text = 'the run was stopped before the end of its input: the results are correct but incomplete';
    logEvent(log, { event: 'warning', text });
  }
  if (outcome === 'partial') {
    const text = 'the run was partial: some windows failed or some records are invalid, as the tables say';
    logEvent(log, { event: 'warning', text });
  }
  logEvent(log, { event: 'finished', counts, seconds: { total }, model: name, card, output });
  return EXIT_OF_OUTCOME[outcome];
}
