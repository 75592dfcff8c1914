import type { RunCounts } from '../predict/run-counts.js';
import type { DeviceSummary } from '../predict/run-status.js';

/** The version of run.json's layout; it grows when a field changes its meaning or goes. */
export const MANIFEST_FORMAT_VERSION = 1;

/** What every result of a model with random weights must carry. */
export const RANDOM_WEIGHTS_WARNING = 'random weights: not a prediction';

/** One archive of the model. */
export interface ManifestModelPart {
  readonly role: 'dna' | 'protein' | 'classifier';
  /** File name within the model's folder. */
  readonly file: string;
  /** Of the file, hexadecimal. */
  readonly sha256: string;
  /** Data type of the stored parameters: `float32`, `float16` or `bfloat16`. */
  readonly dtype: string;
  /** Family and sizes: layers, width, heads … */
  readonly architecture: Readonly<Record<string, string | number>>;
}

export interface ManifestModel {
  readonly name: string;
  /** Whether the weights are random: made for tests of speed and plumbing, without any knowledge of viruses. */
  readonly random: boolean;
  /** Whether it came with this program. Absent in runs of early versions, as is `card`. */
  readonly shipped?: boolean;
  /** Path of its card, which says what it was trained on and what it can do; null where nobody has written one. */
  readonly card?: string | null;
  /** Window length, in bases. */
  readonly chunkSize: number;
  readonly parts: readonly ManifestModelPart[];
}

export interface ManifestInput {
  /** As given on the command line; `-` for standard input. */
  readonly path: string;
  /** Size as read, before decompression. */
  readonly bytes: number;
  /** Of these bytes, hexadecimal. */
  readonly sha256: string;
}

/** What decides the results, as it was in force: options given and defaults alike. */
export interface ManifestParameters {
  /** A window is called virus when its virus_score is at least this. */
  readonly threshold: number;
  /** A contig is called virus when at least this fraction of its scored windows is. */
  readonly minFraction: number;
  /** Scores are softmax(logits / temperature): 1 unless they are calibrated. Absent in runs of early versions, which did not. */
  readonly temperature?: number;
  /** The most tokens in a batch of each model. */
  readonly batchTokens: { readonly dna: number; readonly protein: number };
  /** As asked for: `auto`, `fp32`, `fp16` or `bf16`; what a device chose stands with the device. */
  readonly precision: string;
  /** Further options by their long name, without dashes. */
  readonly [option: string]: unknown;
}

/** What read every window before the model of the run, and decided those that it was sure of. */
export interface ManifestTriage {
  readonly model: ManifestModel;
  /** It decided windows with a virus score below the one or from the other on, calibrated at `ruleTemperature`. */
  readonly othersBelow: number;
  readonly virusAtLeast: number;
  readonly ruleTemperature: number;
  /** Its scores in the results are softmax(logits / temperature). */
  readonly temperature: number;
  /** Frames that it could not score, so that their windows went to the model of the run. */
  readonly framesFailed: number;
}

export interface ManifestFile {
  /** Within the output directory. */
  readonly name: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** What the caller of `finish` knows about its run. */
export interface RunDescription {
  readonly versions: { readonly virnucpro: string; readonly libtorch: string; readonly node: string };
  /** ISO 8601, UTC. */
  readonly started: string;
  /** ISO 8601, UTC: when the last result was written. */
  readonly finished: string;
  /** The words of the command line, the program first. */
  readonly commandLine: readonly string[];
  /** Where the command was given: paths of inputs are relative to it. Absolute. */
  readonly workingDirectory: string;
  /**
   * `complete`: every window that has a frame was scored. `partial`: some failed, the others are all here.
   * `stopped`: the run gave up before the end of its input; what is here is right, but it is not all.
   */
  readonly outcome: 'complete' | 'partial' | 'stopped';
  readonly model: ManifestModel;
  /** null in a run without; absent in runs of early versions, which could not. */
  readonly triage?: ManifestTriage | null;
  readonly inputs: readonly ManifestInput[];
  readonly parameters: ManifestParameters;
  readonly devices: readonly DeviceSummary[];
  /**
   * `finish` compares these with the rows that it wrote. Where the outcome is `stopped`, `records` and `empty` may be
   * more than the rows: they were read, but the run did not come to their end.
   */
  readonly counts: Readonly<RunCounts>;
  /** Frames of these whose scores an earlier run had computed, from which this one went on. */
  readonly framesFromJournal: number;
  /** Seconds by stage, e.g. `load`, `compute`, `total`; stages overlap, so they need not add up. */
  readonly seconds: Readonly<Record<string, number>>;
  /** The most memory that the process held at once, in bytes. */
  readonly peakResidentBytes: number;
  /** What a reader of the results must know. */
  readonly warnings: readonly string[];
}

/** The content of run.json. */
export interface RunManifest extends RunDescription {
  readonly formatVersion: number;
  /** Always true: a run whose counts in and out differ is not put in place. */
  readonly countsChecked: true;
  /** Every other file of the run, in the order in which they were put in place. */
  readonly files: readonly ManifestFile[];
  /**
   * Every `virnucpro call` since, oldest first: `threshold`, `minFraction`, the counts of contigs, the files and, after a
   * call with a model, `model` are those of the last one, all else is of the run itself. Absent in a run as `predict` left
   * it.
   */
  readonly rescored?: readonly ManifestRescore[];
}

/** One `virnucpro call`: stored scores were called with another rule, or stored embeddings with another classifier. */
export interface ManifestRescore {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** What was in force before. */
  readonly from: Pick<ManifestParameters, 'threshold' | 'minFraction'> & {
    /** The name of the model; only where the call put another one's classifier in its place. */
    readonly model?: string;
    /** SHA-256 of its classifier's archive, hexadecimal; with `model`. */
    readonly classifier?: string;
    /** Of its scores; with `model`. */
    readonly temperature?: number;
  };
  /** Of this program. */
  readonly version: string;
  /** The words of the command line, the program first. */
  readonly commandLine: readonly string[];
}

/** Whether going on with a run could add nothing: every window that has a frame is scored, whatever records are invalid. */
export function isFinal({ outcome, counts }: Pick<RunDescription, 'outcome' | 'counts'>): boolean {
  return outcome !== 'stopped' && counts.windowsFailed === 0;
}

/** Whether any of the scores may come from random weights. */
export function hasRandomWeights({
  model,
  triage,
}: {
  readonly model: Pick<ManifestModel, 'random'>;
  readonly triage?: { readonly model: Pick<ManifestModel, 'random'> } | null | undefined;
}): boolean {
  return model.random || triage?.model.random === true;
}

/** The manifest of a run, from its description and its files; a model with random weights always brings its warning. */
export function runManifest(run: RunDescription, files: readonly ManifestFile[]): RunManifest {
  const warnings = warningsWith({ random: hasRandomWeights(run) }, run.warnings);
  return { formatVersion: MANIFEST_FORMAT_VERSION, ...run, warnings, countsChecked: true, files };
}

/** The warnings of a run with that of random weights, if and only if the model has such. */
export function warningsWith({ random }: Pick<ManifestModel, 'random'>, warnings: readonly string[]): string[] {
  const others = warnings.filter((warning) => warning !== RANDOM_WEIGHTS_WARNING);
  return random ? [RANDOM_WEIGHTS_WARNING, ...others] : others;
}

/** run.json as it is written. */
export function manifestText(manifest: RunManifest): string {
  return JSON.stringify(manifest, null, 2) + '\n';
}

/** What the comment line of a table says about its run. */
export interface CommentFields {
  readonly version: string;
  readonly model: string;
  readonly random: boolean;
  /** Further words, e.g. `threshold: 0.5`; written as `name=value`. */
  readonly parameters?: Readonly<Record<string, string | number>>;
  readonly optional?: OptionalParameters;
}

/** What the comment of a table says last, where there is something to say. */
export interface OptionalParameters {
  /** Of the scores; left out where it is 1, so that they are as the model gives them. */
  readonly temperature: number;
  /** Path of the model's card; left out where there is none. */
  readonly card: string | null;
}

/** The comment of the tables, without its `#`: `virnucpro 0.1.0 model=NAME threshold=0.5 …`. */
export function tableComment({ version, model, random, parameters = {}, optional }: CommentFields): string {
  const words = Object.entries({ model, ...parameters }).map(([name, value]) => ` ${name}=${value}`);
  const last = optional ? optionalText(optional) : '';
  return `virnucpro ${version}${words.join('')}${last}${random ? `; ${RANDOM_WEIGHTS_WARNING}` : ''}`;
}

function optionalText({ temperature, card }: OptionalParameters): string {
  // A word ends at a blank, and the words at a semicolon: in a path they are written as in an address of a file.
  // eslint-disable-next-line no-control-regex
  const path = card?.replace(/[\x00-\x20;%\x7f]/g, encodeURIComponent);
  return `${temperature === 1 ? '' : ` temperature=${temperature}`}${path === undefined ? '' : ` card=${path}`}`;
}

/**
 * A comment of a table with these optional words, and no others.
 *
 * @param comment in any encoding of its bytes, which is that of `card`, too
 */
export function commentWithOptional(comment: string, optional: OptionalParameters): string {
  const [words = '', ...rest] = comment.split('; ');
  return [words.replace(/ (?:temperature|card)=[^ ]+/g, '') + optionalText(optional), ...rest].join('; ');
}

/**
 * A comment of a table with other values for some of its parameters; undefined where it has not each of them.
 *
 * @param comment as `tableComment` or a table has it, in any encoding of its bytes
 */
export function commentWith(
  comment: string,
  parameters: Readonly<Record<string, string | number>>,
): string | undefined {
  let changed = comment;
  for (const [name, value] of Object.entries(parameters)) {
    const word = new RegExp(` ${name}=[^ ;]+`);
    if (!word.test(changed)) return undefined;
    changed = changed.replace(word, () => ` ${name}=${value}`);
  }
  return changed;
}

/** A comment of a table with the warning of random weights, or without it. */
export function commentWithWarning(comment: string, { random }: Pick<ManifestModel, 'random'>): string {
  const [words = '', ...rest] = comment.split('; ').filter((part) => part !== RANDOM_WEIGHTS_WARNING);
  return [words, ...(random ? [RANDOM_WEIGHTS_WARNING] : []), ...rest].join('; ');
}
