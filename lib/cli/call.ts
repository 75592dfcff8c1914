import { Command } from 'commander';
import type { Logger } from 'pino';
import { packageVersion, VirnucproError } from '../index.js';
import { createLog, logEvent } from '../monitor/log.js';
import type { LogFormat, LogLevel } from '../monitor/log.js';
import type { RunManifest } from '../output/manifest.js';
import { recall } from '../recall/recall.js';
import { EXIT, EXIT_OF_SIGNAL } from './exit-codes.js';
import { logFormatOption, logLevelOption, minFractionOption, thresholdOption } from './shared-options.js';
import { StopSignals } from './stop-signals.js';

/** What the options of `call` were given or default to, as commander names them. */
interface CallWords {
  threshold: number;
  minFraction: number;
  input?: string[];
  output?: string;
  logFormat: LogFormat;
  logLevel: LogLevel;
}

export function callCommand(): Command {
  return new Command('call')
    .description(
      'Calls the stored scores of a finished run with another threshold, without its model: rewrites contigs.tsv, ' +
        'windows.tsv, virus.fna and run.json as predict with these options would have written them.',
    )
    .argument('<dir>', 'directory of the results')
    .addOption(thresholdOption())
    .addOption(minFractionOption())
    .option(
      '-i, --input <path...>',
      'the inputs of the run, in their order, where they have moved or came from standard input; read only when a ' +
        'record becomes virus that was none',
    )
    .option('-o, --output <dir>', 'write to this empty or new directory, and leave the results as they are')
    .addOption(logFormatOption())
    .addOption(logLevelOption())
    .action(async (directory: string, words: CallWords) => {
      process.exitCode = await call(directory, words);
    });
}

async function call(directory: string, words: CallWords): Promise<number> {
  const log = createLog({ format: words.logFormat, level: words.logLevel });
  const start = performance.now();
  const ended = new AbortController();
  const stop = new StopSignals(words.input?.includes('-') ?? false);
  stop.onStop = (signal) => ended.abort(signal);
  try {
    const { threshold, minFraction, input: inputs = [], output } = words;
    const manifest = await recall({
      ...{ directory, rule: { threshold, minFraction }, output, inputs, signal: ended.signal },
      onWaiting: (reason) => logEvent(log, { event: 'waiting', reason }),
      ...{ version: packageVersion, commandLine: ['virnucpro', ...process.argv.slice(2)] },
    });
    return reportEnd(log, manifest, { output: output ?? directory, total: (performance.now() - start) / 1000 });
  } catch (error) {
    if (stop.signal && error === ended.signal.reason) {
      logEvent(log, { event: 'interrupted', signal: stop.signal, output: null });
      return EXIT_OF_SIGNAL.get(stop.signal)!;
    }
    if (words.logFormat !== 'json' || !(error instanceof VirnucproError)) throw error;
    logEvent(log, { event: 'failed', code: error.code, reason: error.message });
    return EXIT.failed;
  } finally {
    stop.ignore();
  }
}

/** Says what came of every record. The exit code tells whether the run behind the scores had done everything. */
function reportEnd(log: Logger, manifest: RunManifest, { output, total }: { output: string; total: number }): number {
  const { model, outcome, counts } = manifest;
  if (model.random) logEvent(log, { event: 'random-weights', model: model.name });
  if (outcome === 'stopped') {
    const text = 'the run was stopped before the end of its input: the results are right, but not all';
    logEvent(log, { event: 'warning', text });
  }
  logEvent(log, { event: 'finished', counts, seconds: { total }, output });
  return outcome === 'complete' ? EXIT.done : EXIT.partial;
}
