import type { Versions } from '../package.js';
import type { RunCounts } from '../predict/run-counts.js';
import type { DeviceSummary } from '../predict/run-status.js';

/** Version of run.json's layout, increased when a field is removed or changes its meaning. */
export const MANIFEST_FORMAT_VERSION = 1;

/** The warning that every result of a model with random weights must carry. */
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
  /** Path of its card, which says what it was trained on and what it can do; null if it has none. */
  readonly card?: string | null;
  /** Chunk size: bases of a window. */
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

/** The parameters that decide the results, given or by default. */
export interface ManifestParameters {
  /** A window is called virus when its virus_score is at least this. */
  readonly threshold: number;
  /** A contig is called virus when at least this fraction of its scored windows is. */
  readonly minFraction: number;
  /**
   * Scores are softmax(logits / temperature): 1 unless calibrated. Absent in runs of early versions, which did not
   * calibrate.
   */
  readonly temperature?: number;
  /** Maximum tokens in a batch of each model. */
  readonly batchTokens: { readonly dna: number; readonly protein: number };
  /** As requested: `auto`, `fp32`, `fp16` or `bf16`. What each device chose is in `devices`. */
  readonly precision: string;
  /** `engine`, `keepIntermediate` and `saveEmbeddings`, named like the options of the command. */
  readonly [option: string]: unknown;
}

/** Triage: a model that read every window before the model of the run, and decided those it was sure of. */
export interface ManifestTriage {
  readonly model: ManifestModel;
  /**
   * It decided windows with a virus score below `othersBelow` or from `virusAtLeast` on, calibrated at
   * `ruleTemperature`.
   */
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
  /** Of this program, its libtorch and Node. */
  readonly versions: Versions;
  /** ISO 8601, UTC. */
  readonly started: string;
  /** ISO 8601, UTC: when the last result was written. */
  readonly finished: string;
  /** The words of the command line, the program first. */
  readonly commandLine: readonly string[];
  /** Absolute; relative paths of inputs start here. */
  readonly workingDirectory: string;
  /**
   * `complete`: every window with a frame was scored. `partial`: some windows failed or some records are invalid; all
   * others are here. `stopped`: the run ended before the end of its input; the results are correct but incomplete.
   */
  readonly outcome: 'complete' | 'partial' | 'stopped';
  /** The model of the run. */
  readonly model: ManifestModel;
  /** null in a run without triage; absent in runs of early versions, which had none. */
  readonly triage?: ManifestTriage | null;
  /** Every input that was read to its end. */
  readonly inputs: readonly ManifestInput[];
  /** What decided the results besides the model. */
  readonly parameters: ManifestParameters;
  /** What every worker did. */
  readonly devices: readonly DeviceSummary[];
  /**
   * `finish` compares these with the rows it wrote. If the outcome is `stopped`, the counts of records may exceed the
   * rows: some records were read but not finished.
   */
  readonly counts: Readonly<RunCounts>;
  /** Frames among these whose scores come from the journal of the earlier run that this one resumed. */
  readonly framesFromJournal: number;
  /** Seconds by stage, e.g. `load`, `dna`, `writing`, `total`; stages overlap, so they need not add up. */
  readonly seconds: Readonly<Record<string, number>>;
  /** Peak resident memory of the process, in bytes. */
  readonly peakResidentBytes: number;
  /** What a reader of the results must know. */
  readonly warnings: readonly string[];
}

/** The content of run.json. */
export interface RunManifest extends RunDescription {
  /** MANIFEST_FORMAT_VERSION of the program that wrote it. */
  readonly formatVersion: number;
  /** Always true: results are not put in place if their counts differ from those of the run. */
  readonly countsChecked: true;
  /** Every other file of the run, in the order in which they were put in place. */
  readonly files: readonly ManifestFile[];
  /**
   * Every later `virnucpro call`, oldest first. `threshold`, `minFraction`, the counts of contigs, the files and, after
   * a call with a model, `model` are those of the last call; everything else is of the run itself. Absent before the
   * first call.
   */
  readonly rescored?: readonly ManifestRescore[];
}

/** One `virnucpro call`, which applied another rule to stored scores, or another classifier to stored embeddings. */
export interface ManifestRescore {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The values before the call. */
  readonly from: Pick<ManifestParameters, 'threshold' | 'minFraction'> & {
    /** Name of the model; only if the call replaced its classifier by another model's. */
    readonly model?: string;
    /** SHA-256 of its classifier's archive, hexadecimal; present with `model`. */
    readonly classifier?: string;
    /** Temperature of its scores; present with `model`. */
    readonly temperature?: number;
  };
  /** Version of this program. */
  readonly version: string;
  /** The words of the command line, the program first. */
  readonly commandLine: readonly string[];
}

/** Whether resuming a run could add nothing: every window with a frame is scored. Invalid records do not matter. */
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

/** Makes the manifest of a run from its description and its files, with the warning that random weights require. */
export function runManifest(run: RunDescription, files: readonly ManifestFile[]): RunManifest {
  const warnings = warningsWith({ random: hasRandomWeights(run) }, run.warnings);
  return { formatVersion: MANIFEST_FORMAT_VERSION, ...run, warnings, countsChecked: true, files };
}

/** The warnings of a run, with that of random weights if and only if the model has them. */
export function warningsWith({ random }: Pick<ManifestModel, 'random'>, warnings: readonly string[]): string[] {
  const others = warnings.filter((warning) => warning !== RANDOM_WEIGHTS_WARNING);
  return random ? [RANDOM_WEIGHTS_WARNING, ...others] : others;
}

/** The text of run.json. */
export function manifestText(manifest: RunManifest): string {
  return JSON.stringify(manifest, null, 2) + '\n';
}

/** What the comment line of a table says about its run. */
export interface CommentFields {
  readonly version: string;
  readonly model: string;
  readonly random: boolean;
  /** Further parameters, e.g. `threshold: 0.5`; written as `name=value`. */
  readonly parameters?: Readonly<Record<string, string | number>>;
  readonly optional?: OptionalParameters;
}

/** Parameters at the end of a table's comment. */
export interface OptionalParameters {
  /** Temperature of the scores; left out if it is 1, when they are the model's own. */
  readonly temperature: number;
  /** Path of the model's card; left out if it has none. */
  readonly card: string | null;
}

/** The comment of the tables, without its `#`: `virnucpro 0.1.0 model=NAME threshold=0.5 …`. */
export function tableComment({ version, model, random, parameters = {}, optional }: CommentFields): string {
  const words = Object.entries({ model, ...parameters }).map(([name, value]) => ` ${name}=${value}`);
  const last = optional ? optionalText(optional) : '';
  return `virnucpro ${version}${words.join('')}${last}${random ? `; ${RANDOM_WEIGHTS_WARNING}` : ''}`;
}

function optionalText({ temperature, card }: OptionalParameters): string {
  // A space ends a parameter and a semicolon ends them all, so both are percent-encoded in a path.
  // eslint-disable-next-line no-control-regex
  const path = card?.replace(/[\x00-\x20;%\x7f]/g, encodeURIComponent);
  return `${temperature === 1 ? '' : ` temperature=${temperature}`}${path === undefined ? '' : ` card=${path}`}`;
}

/**
 * Replaces all optional parameters in a table's comment by these.
 *
 * @param comment in any decoding of its bytes, which `card` must share
 */
export function commentWithOptional(comment: string, optional: OptionalParameters): string {
  const [words = '', ...rest] = comment.split('; ');
  return [words.replace(/ (?:temperature|card)=[^ ]+/g, '') + optionalText(optional), ...rest].join('; ');
}

/**
 * Replaces the values of some parameters in a table's comment; undefined if it lacks one of them.
 *
 * @param comment from `tableComment` or a table, in any decoding of its bytes
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

/** Adds the warning of random weights to a table's comment, or removes it. */
export function commentWithWarning(comment: string, { random }: Pick<ManifestModel, 'random'>): string {
  const [words = '', ...rest] = comment.split('; ').filter((part) => part !== RANDOM_WEIGHTS_WARNING);
  return [words, ...(random ? [RANDOM_WEIGHTS_WARNING] : []), ...rest].join('; ');
}
