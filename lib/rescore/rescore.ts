import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeToDisk } from '../disk.js';
import { expected, VirnucproError } from '../errors.js';
import { checkReplaceable } from '../output/earlier-files.js';
import { EMBEDDINGS, PREDICTION_RESULTS, RUN_MANIFEST } from '../output/files.js';
import { checkFiles, hasParquetTables, readManifest, RESCORED_FILES } from '../output/finished-run.js';
import { manifestText, warningsWith } from '../output/manifest.js';
import type { RunManifest } from '../output/manifest.js';
import { claimDirectory, releaseDirectory } from '../output/output-directory.js';
import { outputError } from '../output/output-error.js';
import type { ClaimedDirectory } from '../output/ownership.js';
import { putInPlace, REPLACEMENT_FOLDER } from '../output/put-in-place.js';
import type { CallRule } from '../scoring/calls.js';
import { writeNewCalls } from './new-calls.js';
import type { NewCalls } from './new-calls.js';
import { checkClassifier } from './other-classifier.js';
import type { OtherClassifier } from './other-classifier.js';

export interface RescoreOptions {
  /** Directory of a finished run. */
  readonly directory: string;
  readonly rule: CallRule;
  /** Applied to the run's stored embeddings first. Defaults to using the stored scores. */
  readonly classifier?: OtherClassifier | undefined;
  /** An empty or new directory for the new files, which leaves `directory` as it is. Defaults to `directory` itself. */
  readonly output?: string | undefined;
  /** Where the run's inputs are now, in order; empty if they have not moved. They are read only if needed. */
  readonly inputs?: readonly string[];
  /** What the input `-` reads. Defaults to the process's standard input. */
  readonly standardInput?: AsyncIterable<Uint8Array>;
  /** The version of this program, and its command line: for run.json. */
  readonly version: string;
  readonly commandLine: readonly string[];
  /** Called if a process on another machine may still be writing to the directory, which takes a while to find out. */
  readonly onWaiting?: (reason: string) => void;
  /** Aborts before anything is changed: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Makes new calls from the stored scores of a finished run, without its models: rewrites contigs.tsv, windows.tsv,
 * virus.fna and run.json. The first three are what `predict` with this rule would have written. Another classifier is
 * applied to the stored embeddings, and then the classic files are rewritten, too. If the process is killed at any
 * moment, the directory is as it was, or the next call completes what this one began. Memory does not grow with the
 * tables.
 *
 * @returns the new run.json
 * @throws VirnucproError VNP_OUTPUT if the directory is not that of a finished run, was changed since, is in use,
 *   cannot be written to or has no embeddings for a classifier; VNP_OUTPUT_LOST if it was taken over; VNP_RESUME if the
 *   classifier does not fit the embeddings; VNP_INPUT_MISSING or VNP_RESUME if sequences are needed and the inputs are
 *   missing or different; VNP_NATIVE if the classifier gives no number; whatever the classifier throws
 */
export async function rescore(options: RescoreOptions): Promise<RunManifest> {
  const { directory, output, classifier } = options;
  if (output === undefined) await refuseOthers(directory);
  else {
    const earlier = await readTextResults(directory);
    if (classifier) checkClassifier(directory, earlier, classifier);
    await refuseSame(directory, output);
  }
  const claimed = await claimDirectory(output ?? directory, {
    accepts: () => output === undefined,
    whatNext: 'Choose another directory',
    ...(options.onWaiting && { onWaiting: options.onWaiting }),
    ...(options.signal && { signal: options.signal }),
  });
  const { lost } = claimed.ownership;
  const signal = options.signal ? AbortSignal.any([lost, options.signal]) : lost;
  let unused = true;
  try {
    if (output === undefined) {
      const place = { path: claimed.path, shownDirectory: directory };
      for (const name of [...RESCORED_FILES, RUN_MANIFEST.name]) await checkReplaceable(place, name);
    }
    const { names, manifest } = await writeFolder({ ...options, signal }, claimed);
    signal.throwIfAborted();
    unused = false;
    await putInPlace(claimed, { names, outdated: [], isFinal: false });
    return manifest;
  } catch (error) {
    // Anything else that fails then, such as an input that was closed, fails because of the abort.
    if (unused) signal.throwIfAborted();
    throw await claimed.ownership.causeOf(error);
  } finally {
    await releaseDirectory(claimed, { unused }).catch(() => undefined);
  }
}

/** Throws for a directory without results, so that nothing is written to it, not even for a moment. */
async function refuseOthers(directory: string): Promise<void> {
  const replacement = await stat(join(directory, REPLACEMENT_FOLDER)).catch(() => undefined);
  if (replacement === undefined) await readTextResults(directory);
}

/** @throws VirnucproError VNP_OUTPUT also for tables in Parquet */
async function readTextResults(directory: string): Promise<RunManifest> {
  const manifest = await readManifest(directory);
  if (!hasParquetTables(manifest)) return manifest;
  throw new VirnucproError(
    'VNP_OUTPUT',
    `The tables in ${directory} are Parquet, but new calls are made from tables in TSV. Predict again with ` +
      "`tables: 'tsv'`",
  );
}

async function refuseSame(directory: string, output: string): Promise<void> {
  const [own, other] = await Promise.all([directory, output].map((path) => realpath(path).catch(() => undefined)));
  if (own === undefined || own !== other) return;
  const next = 'Omit it to rescore the results in place, or choose another directory';
  throw expected('VNP_OUTPUT', 'a directory other than that of the results', 'the output', output, next);
}

/** The files that are checked while they are read for the new calls. */
function readInStep({ classifier }: Pick<RescoreOptions, 'classifier'>): readonly string[] {
  return classifier ? [...RESCORED_FILES, PREDICTION_RESULTS.name, EMBEDDINGS.name] : RESCORED_FILES;
}

/** Writes all new files into the folder of results. */
async function writeFolder(
  { directory, output, rule, classifier, signal, ...options }: RescoreOptions,
  claimed: ClaimedDirectory,
): Promise<{ names: readonly string[]; manifest: RunManifest }> {
  const earlier = await readTextResults(directory);
  if (classifier) checkClassifier(directory, earlier, classifier);
  const others = earlier.files.filter(({ name }) => !readInStep({ classifier }).includes(name));
  // The embeddings of a large run are terabytes, and nothing is read from them without a classifier.
  if (output === undefined) await checkFiles(directory, others, { bySizeAlone: [EMBEDDINGS.name], signal });
  const shownOutput = output ?? directory;
  const { results: folder } = claimed;
  const { inputs = [], standardInput } = options;
  const calls = await writeNewCalls({
    directory,
    earlier,
    rule,
    classifier,
    folder,
    temporary: claimed.unfinished,
    shownOutput,
    inputs,
    standardInput,
    signal,
  });
  const called = withCalls(earlier, rule, calls);
  const manifest: RunManifest = {
    ...(classifier ? withClassifier(called, classifier) : called),
    files: earlier.files.flatMap((file) => calls.files.get(file.name) ?? (output === undefined ? [file] : [])),
    rescored: [...(earlier.rescored ?? []), entry(earlier, { classifier, ...options })],
  };
  await writeToDisk(join(folder, RUN_MANIFEST.name), manifestText(manifest)).catch((cause: unknown) => {
    throw outputError('cannot be written', join(shownOutput, RUN_MANIFEST.name), cause);
  });
  return { names: [...calls.files.keys()], manifest };
}

function withCalls(earlier: RunManifest, { threshold, minFraction }: CallRule, { counts }: NewCalls): RunManifest {
  const { contigsVirus, contigsOther, contigsNone } = counts;
  return {
    ...earlier,
    parameters: { ...earlier.parameters, threshold, minFraction },
    counts: { ...earlier.counts, contigsVirus, contigsOther, contigsNone },
  };
}

/** The language models stay those of the run: the archives are the same, whatever their paths. */
function withClassifier(earlier: RunManifest, { model, temperature }: OtherClassifier): RunManifest {
  const { name, random, shipped = false, card = null } = model;
  const others = earlier.model.parts.filter(({ role }) => role !== 'classifier');
  const parts = [...others, ...model.parts.filter(({ role }) => role === 'classifier')];
  return {
    ...earlier,
    model: { ...earlier.model, name, random, shipped, card, parts },
    parameters: { ...earlier.parameters, temperature },
    warnings: warningsWith(model, earlier.warnings),
  };
}

function entry(
  { model, parameters: { threshold, minFraction, temperature } }: RunManifest,
  { classifier, version, commandLine }: Pick<RescoreOptions, 'classifier' | 'version' | 'commandLine'>,
): NonNullable<RunManifest['rescored']>[number] {
  const sha256 = model.parts.find(({ role }) => role === 'classifier')?.sha256;
  const from = {
    threshold,
    minFraction,
    ...(classifier && { model: model.name }),
    ...(classifier && sha256 !== undefined && { classifier: sha256 }),
    ...(classifier && temperature !== undefined && { temperature }),
  };
  return { at: new Date().toISOString(), from, version, commandLine };
}
