import { existsSync } from 'node:fs';
import { Command } from 'commander';
import type { Logger } from 'pino';
import { packageVersion } from '../index.js';
import {
  checkWriter,
  completeEmbeddings,
  EmbeddingJob,
  journalPath,
  loadLanguageModel,
  OutputPlace,
  planEmbeddings,
  resumedEmbeddings,
} from '../internal.js';
import type { EmbeddingManifest, EmbeddingPlan } from '../internal.js';
import { createLog, logEvent, LogSinks } from '../monitor/log.js';
import { RANDOM_WEIGHTS_WARNING } from '../output/manifest.js';
import { unlessAborted } from '../unless-aborted.js';
import { addEmbedOptions, embeddingRequest } from './embed-options.js';
import type { EmbedCommandOptions } from './embed-options.js';
import { EXIT_OF_OUTCOME } from './exit-codes.js';
import { exitCodeOf } from './failed-command.js';
import { withoutEarlier } from './predict-run.js';
import { RunScreen } from './run-screen.js';
import { Signals } from './signals.js';

export function embedCommand(): Command {
  const command = new Command('embed')
    .description(
      'Writes the embedding of every sequence by one of the language models: of proteins by ESM-2, of DNA by DNABERT-S.',
    )
    .argument(
      '<input...>',
      'FASTA or FASTQ files of proteins or of DNA, plain or compressed, directories of them, or - for standard input',
    );
  return addEmbedOptions(command).action(async (inputs: string[], options: EmbedCommandOptions) => {
    process.exitCode = await embed(inputs, options);
  });
}

interface CommandContext {
  readonly log: Logger;
  readonly sinks: LogSinks;
  readonly signals: Signals;
  readonly started: Date;
}

async function embed(inputs: string[], options: EmbedCommandOptions): Promise<number> {
  const sinks = new LogSinks();
  const log = createLog({ format: options.logFormat, level: options.logLevel, sinks });
  const signals = new Signals({ reports: true });
  try {
    return await run(inputs, options, { log, sinks, signals, started: new Date() });
  } catch (error) {
    return exitCodeOf(error, { log, signals, logFormat: options.logFormat });
  } finally {
    signals.release();
  }
}

async function run(inputs: string[], options: EmbedCommandOptions, context: CommandContext): Promise<number> {
  const { log, sinks, signals } = context;
  const { output, force = false, resume = false } = options;
  const reportPreparing = (): void => logEvent(log, { event: 'waiting', reason: 'the run is being prepared' });
  signals.on('report', reportPreparing);
  const plan = await planned(inputs, options, context);
  const complete = resume ? await unlessAborted(completeEmbeddings(plan, signals.stopped), signals.stopped) : undefined;
  if (complete) {
    logEvent(log, { event: 'complete-already', output });
    return EXIT_OF_OUTCOME[complete.outcome];
  }
  const onWaiting = (reason: string): void => logEvent(log, { event: 'waiting', reason });
  const opened = OutputPlace.open(plan, { force, resume, onWaiting, signal: signals.stopped });
  const place = await unlessAborted(opened, signals.graceOver);
  const screen = new RunScreen({
    title: `virnucpro ${packageVersion}, embed, model ${plan.language.model.name}, ${inputs.join(' ')}`,
    log,
    sinks,
    readsStandardInput: inputs.includes('-'),
    isWanted: options.progress && options.logFormat === 'text',
    onQuit: () => signals.stop('SIGINT'),
  });
  signals.off('report', reportPreparing);
  try {
    await checkWriter(plan, place);
    const resumed = resume ? await resumedEmbeddings(plan, place.journalPath) : plan;
    return await compute({ plan: resumed, place, screen, options, context });
  } finally {
    screen.close();
    await place.release().catch(() => undefined);
    reportResumable(log, output);
  }
}

function planned(inputs: string[], options: EmbedCommandOptions, context: CommandContext): Promise<EmbeddingPlan> {
  const { log, signals } = context;
  const planning = planEmbeddings({
    ...embeddingRequest(inputs, options),
    signal: signals.stopped,
    onEvent: (event) => logEvent(log, event),
    onWarning: (text) => logEvent(log, { event: 'warning', text }),
  });
  return unlessAborted(planning, signals.stopped);
}

interface PreparedRun {
  readonly plan: EmbeddingPlan;
  readonly place: OutputPlace;
  readonly screen: RunScreen;
  readonly options: EmbedCommandOptions;
  readonly context: CommandContext;
}

/** Loads the model, embeds and writes. Returns the exit code. */
async function compute({ plan, place, screen, options, context }: PreparedRun): Promise<number> {
  const { log, signals, started } = context;
  const { model } = plan.language;
  const { stopped } = signals;
  const stop = (): void => {
    screen.showStopping();
    logEvent(log, { event: 'stopping', signal: signals.received! });
  };
  stopped.addEventListener('abort', stop);
  const reportLoading = (): void => logEvent(log, { event: 'waiting', reason: 'the model is being loaded' });
  signals.on('report', reportLoading);
  if (model.random) logEvent(log, { event: 'random-weights', model: model.name });
  const begun = performance.now();
  const loaded = await loadLanguageModel(plan.language, plan.settings);
  try {
    const job = new EmbeddingJob({
      ...{ plan, loaded, place, started, signal: stopped },
      onEvent: (event) => logEvent(log, event),
      progressInterval: options.progress ? options.progressInterval : 0,
      commandLine: ['virnucpro', ...process.argv.slice(2)],
      loadSeconds: (performance.now() - begun) / 1000,
    });
    screen.show(job);
    signals.off('report', reportLoading).on('report', () => job.emitProgress());
    const manifest = await job.run();
    screen.close();
    return reportEnd(log, manifest, plan);
  } catch (error) {
    throw place.lost.aborted ? place.lost.reason : error;
  } finally {
    stopped.removeEventListener('abort', stop);
    signals.release();
    screen.close();
    await loaded.pool.close();
  }
}

function reportEnd(log: Logger, manifest: EmbeddingManifest, { output, warnings }: EmbeddingPlan): number {
  const { counts, seconds, model, outcome } = manifest;
  // Those of the plan were logged at the start.
  for (const text of withoutEarlier(manifest.warnings, [RANDOM_WEIGHTS_WARNING, ...warnings]))
    logEvent(log, { event: 'warning', text });
  logEvent(log, { event: 'embedded', counts, seconds: seconds.total, model: model.name, output });
  return EXIT_OF_OUTCOME[outcome];
}

function reportResumable(log: Logger, output: string): void {
  if (existsSync(journalPath(output))) logEvent(log, { event: 'resumable', output: `${output}.unfinished` });
}
