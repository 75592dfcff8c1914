import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputProgress } from '../../lib/input/input-progress.js';
import { readRecords } from '../../lib/input/records.js';
import type { ManifestModel, RunDescription, RunManifest } from '../../lib/output/manifest.js';
import { tableComment } from '../../lib/output/manifest.js';
import { openResultDirectory } from '../../lib/output/result-directory.js';
import { windowCall } from '../../lib/scoring/calls.js';
import type { CallRule } from '../../lib/scoring/calls.js';
import { ContigTally } from '../../lib/scoring/contig-tally.js';
import { decidingFrame } from '../../lib/scoring/window-result.js';
import type { StoredResult, WindowResult } from '../../lib/scoring/results.js';
import { rescore } from '../../lib/rescore/rescore.js';
import type { RescoreOptions } from '../../lib/rescore/rescore.js';
import { FRAME_NAMES } from '../../lib/windows/open-reading-frames.js';
import { windowsOf } from '../../lib/windows/windows.js';
import { countsOf, runDescription } from '../70-output/results.js';

export const CHUNK_SIZE = 10;

/** The models' output for a window: the scores of its first frames, a failure, no frame, or the given fields. */
export type WindowScores =
  | readonly (readonly [others: number, virus: number])[]
  | 'failed'
  | 'no_frame'
  | Pick<WindowResult, 'status' | 'frames'>;

export interface StoredRun {
  /** The folder of the input and of the results. */
  readonly folder: string;
  /** Contents of files by name, in reading order. */
  readonly inputs: Readonly<Record<string, string | Uint8Array>>;
  /** One for each window, in order; repeats from the start if there are more windows. */
  readonly scores: readonly WindowScores[];
  /** Results after which the run is stopped. Default: never. */
  readonly stopAfter?: number;
  /** Further fields of run.json. */
  readonly changes?: Partial<RunDescription>;
  readonly random?: boolean;
  /** Default: a model named `tiny`. */
  readonly model?: ManifestModel;
  /** Of the scores, only for run.json and the comments. Default: 1. */
  readonly temperature?: number;
  /** Whether there are embeddings; every frame must then have its own. Default: false. */
  readonly saveEmbeddings?: boolean;
}

/**
 * Scores stored inputs like a prediction, with the pipeline's own rule, and writes the results with its own writers.
 */
export async function predictStored(
  run: StoredRun,
  output: string,
  rule: CallRule,
  options: { force?: boolean } = {},
): Promise<RunManifest> {
  const { folder, inputs, stopAfter = Infinity, saveEmbeddings = false, changes = {}, temperature = 1 } = run;
  const model = modelOf(run);
  for (const [name, text] of Object.entries(inputs)) writeFileSync(join(folder, name), text);
  const parameters = { window: CHUNK_SIZE, threshold: rule.threshold, min_fraction: rule.minFraction };
  const directory = await openResultDirectory({
    ...options,
    directory: join(folder, output),
    chunkSize: CHUNK_SIZE,
    inputName: 'input',
    saveEmbeddings,
    comment: tableComment({
      ...{ version: '0.1.0', model: model.name, random: model.random, parameters },
      optional: { temperature, card: model.card ?? null },
    }),
  });
  const progress = new InputProgress();
  const results: StoredResult[] = [];
  const paths = Object.keys(inputs).map((name) => join(folder, name));
  try {
    for await (const record of readRecords(paths, { progress })) {
      for (const result of resultsOf(record, run, rule, results.length)) {
        if (results.length === stopAfter) continue;
        results.push(result);
        await directory.write(result);
      }
      record.sequence.release();
    }
    return await directory.finish({ ...describe(run, results, progress, rule), ...changes });
  } finally {
    await directory.abort();
  }
}

function modelOf({ model, random = false }: StoredRun): ManifestModel {
  return model ?? { ...runDescription(countsOf([])).model, random };
}

function describe(
  run: StoredRun,
  results: readonly StoredResult[],
  { finished }: InputProgress,
  rule: CallRule,
): RunDescription {
  const { folder, stopAfter, saveEmbeddings = false, temperature = 1 } = run;
  const isPartial = results.some(({ status }) => status === 'failed');
  const { parameters } = runDescription(countsOf([]));
  return runDescription(countsOf(results, modelOf(run).name), {
    outcome: stopAfter !== undefined ? 'stopped' : isPartial ? 'partial' : 'complete',
    // An input that a stopped run did not finish has no hash.
    inputs: stopAfter !== undefined ? finished.slice(0, -1) : finished,
    model: modelOf(run),
    parameters: { ...parameters, ...rule, temperature, saveEmbeddings },
    workingDirectory: folder,
  });
}

function* resultsOf(
  record: Parameters<ContigTally['finish']>[0],
  run: StoredRun,
  rule: CallRule,
  before: number,
): Generator<StoredResult> {
  const tally = new ContigTally();
  let number = before;
  const letters = record.problem === undefined ? record.sequence.length : 0;
  for (const span of windowsOf(letters, CHUNK_SIZE)) {
    const given = run.scores[number++ % run.scores.length]!;
    const { status, frames } = windowOf(given);
    const best = status === 'scored' ? decidingFrame(frames) : undefined;
    const window: WindowResult = {
      kind: 'window',
      record: undefined,
      index: record.index,
      contig: record.id,
      source: record.source,
      number: span.number,
      start: span.start,
      end: span.start + span.length,
      status,
      reason: status === 'failed' ? 'frame F1: out of\tmemory' : status === 'no_frame' ? 'no reading frame' : '',
      frames,
      ...(best && { decidingFrame: best, virusScore: best.virus, call: windowCall(best.virus, rule) }),
      model: best ? modelOf(run).name : '',
    };
    tally.add(window);
    yield window;
  }
  yield tally.finish(record, rule);
}

function windowOf(given: WindowScores): Pick<WindowResult, 'status' | 'frames'> {
  if (typeof given === 'string') return { status: given, frames: [] };
  if ('status' in given) return given;
  const frames = given.map(([others, virus], index) => ({ frame: FRAME_NAMES[index]!, others, virus }));
  return { status: 'scored', frames };
}

/** Calls with defaults for what the tests do not vary. */
export function rescoreIn(
  run: Pick<StoredRun, 'folder'>,
  output: string,
  rule: CallRule,
  options: Partial<RescoreOptions> = {},
): Promise<RunManifest> {
  const commandLine = ['virnucpro', 'call', output];
  return rescore({ directory: join(run.folder, output), rule, version: '0.1.0', commandLine, ...options });
}

/** The result files that a call writes, unchanged. */
export function calledFiles(folder: string, output: string): Record<string, string> {
  const names = ['contigs.tsv', 'windows.tsv', 'virus.fna'];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, output, name), 'utf8')]));
}

export function readRun(folder: string, output: string): RunManifest {
  return JSON.parse(readFileSync(join(folder, output, 'run.json'), 'utf8')) as RunManifest;
}

/** Every file below a folder, hidden ones too, with its content. */
export function filesBelow(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    entries.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'utf8')]),
  );
}
