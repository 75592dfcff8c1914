import { VirnucproError } from '../errors.js';

/** Everything that a score depends on except the input, which is compared batch by batch. */
export interface RunKey {
  /** Version of the journal's format. */
  readonly format: number;
  readonly virnucpro: string;
  readonly libtorch: string;
  /** SHA-256 of each archive, then the chunk size in bases. */
  readonly dna: string;
  readonly protein: string;
  readonly classifier: string;
  readonly chunkSize: number;
  /** The workers' precisions: each once, sorted, separated by commas. */
  readonly precision: string;
  readonly engine: string;
  /** Maximum tokens of a batch. They decide which frames are computed together, and so the last digits of a score. */
  readonly proteinBatchTokens: number;
  readonly dnaBatchTokens: number;
  /** Whether the embeddings are kept with the scores. */
  readonly embeddings: boolean;
  /** SHA-256 of all archives of the triage model; NO_TRIAGE without triage. */
  readonly triage: string;
  /** See TriageRule. With another rule or temperature, triage would leave other windows to the models. */
  readonly triageOthersBelow: number;
  readonly triageVirusAtLeast: number;
  readonly triageTemperature: number;
  /** Local name of the triage model; NO_TRIAGE without triage. A different name does not prevent a resume. */
  readonly triageModel: string;
  /**
   * Names of the devices, with their threads: each once, sorted. Other devices may change the last digits, which does
   * not prevent a resume.
   */
  readonly devices: readonly string[];
}

/** What a journal's key must be; what is missing or undefined may be anything. */
export type WantedKey = { readonly [Part in keyof RunKey]?: RunKey[Part] | undefined };

export const JOURNAL_FORMAT = 2;
export const NO_TRIAGE = 'none';

/** The part of a key about triage. */
export type TriageKey = Pick<RunKey, Extract<keyof RunKey, `triage${string}`>>;

export const WITHOUT_TRIAGE: TriageKey = {
  triage: NO_TRIAGE,
  triageModel: NO_TRIAGE,
  // A rule that decides nothing.
  triageOthersBelow: 0,
  triageVirusAtLeast: 1,
  triageTemperature: 1,
};

/** What messages call each part of a key. */
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
  proteinBatchTokens: 'ESM-2 batch tokens',
  dnaBatchTokens: 'DNABERT-S batch tokens',
  embeddings: 'keeping of embeddings',
  triage: 'triage model',
  triageOthersBelow: 'score below which triage decides',
  triageVirusAtLeast: 'score from which triage decides',
  triageTemperature: 'temperature of triage',
};

/** @throws VirnucproError VNP_RESUME naming everything that differs */
export function checkSameRun(path: string, begun: RunKey, wanted: WantedKey): void {
  const names =
    begun.format === JOURNAL_FORMAT ? (Object.keys(NAMES) as (keyof typeof NAMES)[]) : (['format'] as const);
  const different = names.filter((name) => wanted[name] !== undefined && wanted[name] !== begun[name]);
  if (different.length === 0) return;
  const list = (key: WantedKey): string => different.map((name) => `${NAMES[name]} ${shown(key[name]!)}`).join(', ');
  throw new VirnucproError(
    'VNP_RESUME',
    `The run in ${path} was begun with ${list(begun)}, and this one has ${list(wanted)}. ` +
      'Use the same settings again, or begin a new run (with `force: true` in the same directory): the results so far are then lost',
  );
}

/** Shortens a hash to as much as a reader compares. */
function shown(value: string | number | boolean): string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : String(value);
}

/** @returns undefined when the text is not a key; of a key of another format, only `format` can be relied on */
export function parseKey(text: string): RunKey | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('format' in value)) return undefined;
  // Keys written before triage existed lack this part.
  return { ...WITHOUT_TRIAGE, ...(value as Omit<RunKey, keyof TriageKey>) };
}

export function hasSameDevices(one: RunKey, other: RunKey): boolean {
  return JSON.stringify(one.devices) === JSON.stringify(other.devices);
}
