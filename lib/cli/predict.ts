import { join } from 'node:path';
import { Command } from 'commander';
import type { Logger } from 'pino';
import { describePlan, packageVersion } from '../index.js';
import type { RunPlan } from '../index.js';
import type { FileFormats } from '../internal.js';
import { checkResults, openResults, planOnDevices, planRun, resumedPlan } from '../internal.js';
import { createLog, logEvent, LogSinks } from '../monitor/log.js';
import { JOURNAL } from '../output/files.js';
import type { RunManifest } from '../output/manifest.js';
import { finishInterrupted } from '../output/output-directory.js';
import { unlessAborted } from '../unless-aborted.js';
import { completeRun } from './complete-run.js';
import { EXIT, EXIT_OF_OUTCOME } from './exit-codes.js';
import { exitCodeOf } from './failed-command.js';
import { addPredictOptions, prepareOptions } from './predict-options.js';
import type { PredictCommandOptions } from './predict-options.js';
import { runPrediction, withoutEarlier } from './predict-run.js';
import { RunScreen } from './run-screen.js';
import { Signals } from './signals.js';

export function predictCommand(): Command {
  const command = new Command('predict')
    .description('Scores every window of every record and writes the result files.')
    .argument(
      '<input...>',
      'FASTA or FASTQ files of DNA, plain or compressed with gzip, bzip2, xz or zstd, directories of them, or - for standard input',
    );
  return addPredictOptions(command).action(async (inputs: string[], options: PredictCommandOptions) => {
    process.exitCode = await predict(inputs, options);
  });
}

async function predict(inputs: string[], options: PredictCommandOptions): Promise<number> {
  const sinks = new LogSinks();
  const log = createLog({ format: options.logFormat, level: options.logLevel, sinks });
  const signals = new Signals({ reports: true });
  try {
    const context = { log, sinks, signals };
    return options.dryRun ? await dryRun(inputs, options, context) : await run(inputs, options, context);
  } catch (error) {
    return exitCodeOf(error, { log, signals, logFormat: options.logFormat });
  } finally {
    signals.release();
    sinks.closeFile();
  }
}

/** What a command reports to, and what can stop it. */
interface CommandContext {
  readonly log: Logger;
  readonly sinks: LogSinks;
  readonly signals: Signals;
}

interface Preparation {
  readonly plan: RunPlan;
  /** The run.json of the output directory, if that holds the complete and intact results of this very plan. */
  readonly complete: RunManifest | undefined;
  /** Whether the output directory holds those results, but not as the run left them. */
  readonly isDamaged: boolean;
}

/**
 * Checks everything that can be checked without loading the model or libtorch.
 * @throws VirnucproError
 */
async function prepareRun(
  inputs: string[],
  options: PredictCommandOptions,
  { log, signals }: CommandContext,
): Promise<Preparation> {
  const { stopped, graceOver } = signals;
  const { models, trust, output, resume, dryRun } = options;
  const plan = await unlessAborted(
    planRun({
      ...prepareOptions(inputs, options),
      signal: stopped,
      onEvent: (event) => logEvent(log, event),
      onWarning: (text) => logEvent(log, { event: 'warning', text }),
    }),
    stopped,
  );
  if (!resume) return { plan, complete: undefined, isDamaged: false };
  if (!dryRun) await unlessAborted(finishInterrupted(output, claimOptions({ log, signals })), graceOver);
  const found = await unlessAborted(completeRun(output, plan, fileFormats(options), stopped), stopped);
  if (found && found.damage === undefined) return { plan, complete: found.manifest, isDamaged: false };
  if (found) {
    const text = `the results in ${output} do not match run.json and are computed again: ${found.damage}`;
    logEvent(log, { event: 'warning', text });
  }
  const journal = join(output, JOURNAL.name);
  const resumed = await unlessAborted(resumedPlan(plan, journal, { models, trust }), stopped);
  return { plan: resumed, complete: undefined, isDamaged: found !== undefined };
}

/** Options for opening the output directory, or for only checking it. */
function directoryOptions(options: PredictCommandOptions, { isDamaged }: Preparation, context: CommandContext) {
  const { force = false, resume = false } = options;
  return { force, resume, isDamaged, ...fileFormats(options), ...claimOptions(context) };
}

function fileFormats({ tables, embeddingsFormat }: PredictCommandOptions): Required<FileFormats> {
  return { tables, embeddingsFormat };
}

function claimOptions({ log, signals }: Pick<CommandContext, 'log' | 'signals'>) {
  return { signal: signals.stopped, onWaiting: (reason: string) => logEvent(log, { event: 'waiting', reason }) };
}

async function run(inputs: string[], options: PredictCommandOptions, context: CommandContext): Promise<number> {
  const { log, sinks, signals } = context;
  const { output } = options;
  const reportPreparing = (): void => logEvent(log, { event: 'waiting', reason: 'the run is being prepared' });
  signals.on('report', reportPreparing);
  const preparation = await prepareRun(inputs, options, context);
  const { plan, complete } = preparation;
  if (complete) {
    for (const text of withoutEarlier(complete.warnings, plan.warnings)) {
      logEvent(log, { event: 'warning', text });
    }
    logEvent(log, { event: 'complete-already', output });
    return EXIT_OF_OUTCOME[complete.outcome];
  }
  const opened = openResults(plan, output, directoryOptions(options, preparation, context));
  const directory = await unlessAborted(opened, signals.graceOver);
  sinks.openFile(directory.logPath);
  const models = plan.triage ? `${plan.model.name} after ${plan.triage.model.name}` : plan.model.name;
  const screen = new RunScreen({
    title: `virnucpro ${packageVersion}, model ${models}, ${inputs.join(' ')}`,
    log,
    sinks,
    readsStandardInput: inputs.includes('-'),
    isWanted: options.progress && options.logFormat === 'text',
    onQuit: () => signals.stop('SIGINT'),
  });
  signals.off('report', reportPreparing);
  return runPrediction({ plan, options, directory, log, screen, signals });
}

/** Prints the plan and writes nothing. */
async function dryRun(inputs: string[], options: PredictCommandOptions, context: CommandContext): Promise<number> {
  const { output } = options;
  const { signals } = context;
  const preparation = await prepareRun(inputs, options, context);
  const { plan, complete } = preparation;
  if (!complete) {
    const checked = checkResults(plan, output, directoryOptions(options, preparation, context));
    await unlessAborted(checked, signals.stopped);
  }
  const lines = describePlan(await planOnDevices(plan, signals.stopped));
  console.log(
    [...lines, `output        ${output}${complete ? ', which already holds the results of this run' : ''}`].join('\n'),
  );
  return EXIT.done;
}
