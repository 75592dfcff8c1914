import { VirnucproError } from '../errors.js';

/** Everything that a score depends on, but for the input: that is looked at batch by batch. */
export interface RunKey {
  /** Of the journal itself. */
  readonly format: number;
  readonly virnucpro: string;
  readonly libtorch: string;
  /** SHA-256 of the archives, and the chunk size in bases. */
  readonly dna: string;
  readonly protein: string;
  readonly classifier: string;
  readonly chunkSize: number;
  /** Of the workers, each once, sorted, with commas. */
  readonly precision: string;
  readonly engine: string;
  /** They decide which frames are computed together, and so the last digits of a score. */
  readonly proteinBatchTokens: number;
  readonly dnaBatchTokens: number;
  /** Whether the embeddings are kept with the scores. */
  readonly embeddings: boolean;
  /** SHA-256 of all archives of the model that triage is done by, else NO_TRIAGE. */
  readonly triage: string;
  /** See TriageRule, and the temperature that it is for: with others other windows are left for the models. */
  readonly triageOthersBelow: number;
  readonly triageVirusAtLeast: number;
  readonly triageTemperature: number;
  /** What that model is called here, else NO_TRIAGE. Another name is no reason to refuse it. */
  readonly triageModel: string;
  /** What computes, each once, sorted. Another one may make the last digits others, which is no reason to refuse it. */
  readonly devices: readonly string[];
}

export const JOURNAL_FORMAT = 2;
export const NO_TRIAGE = 'none';

/** The part of a key that tells of triage. */
export type TriageKey = Pick<RunKey, Extract<keyof RunKey, `triage${string}`>>;

export const WITHOUT_TRIAGE: TriageKey = {
  ...{ triage: NO_TRIAGE, triageModel: NO_TRIAGE },
  // A rule by which nothing is decided.
  ...{ triageOthersBelow: 0, triageVirusAtLeast: 1, triageTemperature: 1 },
};

/** What each part of a key is called. */
const NAMES: Readonly<Record<Exclude<keyof RunKey, 'devices' | 'triageModel'>, string>> = {
  format: 'version of the journal',
  virnucpro: 'version of virnucpro',
  libtorch: 'version of libtorch',
  dna: 'DNABERT-S model',
  protein: 'ESM-2 model',
  classifier: 'classifier',
  chunkSize: 'chunk size',
  precision: 'precision',
  engine: 'engine',
  proteinBatchTokens: 'tokens of an ESM-2 batch',
  dnaBatchTokens: 'tokens of a DNABERT-S batch',
  embeddings: 'keeping of embeddings',
  triage: 'triage model',
  triageOthersBelow: 'score below which triage decides',
  triageVirusAtLeast: 'score from which on triage decides',
  triageTemperature: 'temperature of triage',
};

/** @throws VirnucproError VNP_RESUME naming everything that differs; what `wanted` does not say is left open */
export function checkSameRun(path: string, begun: RunKey, wanted: Partial<RunKey>): void {
  const names =
    begun.format === JOURNAL_FORMAT ? (Object.keys(NAMES) as (keyof typeof NAMES)[]) : (['format'] as const);
  const different = names.filter((name) => wanted[name] !== undefined && wanted[name] !== begun[name]);
  if (different.length === 0) return;
  const list = (key: Partial<RunKey>): string =>
    different.map((name) => `${NAMES[name]} ${shown(key[name]!)}`).join(', ');
  throw new VirnucproError(
    'VNP_RESUME',
    `The run in ${path} was begun with ${list(begun)}, and this one has ${list(wanted)}. ` +
      'Use the same again, or begin a new run (with --force in the same directory): what was computed is lost then',
  );
}

/** A hash by its beginning: as much as a reader compares. */
function shown(value: string | number | boolean): string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : String(value);
}

/** @returns undefined when this is no key of this format; one of another format has `format` alone to go by */
export function parseKey(text: string): RunKey | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('format' in value)) return undefined;
  // Keys that were written before there was triage do not speak of it.
  return { ...WITHOUT_TRIAGE, ...(value as Omit<RunKey, keyof TriageKey>) };
}

export function hasSameDevices(one: RunKey, other: RunKey): boolean {
  return JSON.stringify(one.devices) === JSON.stringify(other.devices);
}
