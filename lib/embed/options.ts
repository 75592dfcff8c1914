import type { Pool } from '../engine/addon.js';
import type { DeviceChoice, PrecisionChoice } from '../engine/devices/choose-devices.js';
import type { LanguageModelPart } from '../engine/pool/embedding-work.js';
import { expected } from '../errors.js';
import { checkChoice, checkKind, checkNames, checkOneOf, namesOf, whole } from '../option-checks.js';
import { MAX_BATCH_TOKENS } from '../predict/options.js';
import { resolveModelSettings, resolveOpenHandlers } from '../predict/resolve-options.js';
import type { ModelSettings, OpenOptions } from '../predict/options.js';
import { LONG_SEQUENCES } from './record-pieces.js';
import type { LongSequences } from './record-pieces.js';

/** Pools that give one vector for each sequence. */
const VECTOR_POOLS = ['mean', 'cls', 'max'] as const satisfies readonly Pool[];
/** How the states of a sequence become one vector: their mean, the first token's, or the largest of each dimension. */
export type VectorPool = (typeof VECTOR_POOLS)[number];

const PARTS: readonly LanguageModelPart[] = ['dna', 'protein'];

/**
 * Tokens that a model reads at once, without the special tokens at both ends: what it was trained on. ESM-2 was trained
 * on at most 1,024 tokens, DNABERT-S on at most 2,000 (the default `max_length` of its published training code); its
 * positions (ALiBi) have no limit of their own.
 */
export const DEFAULT_MAX_LENGTH: Readonly<Record<LanguageModelPart, number>> = { protein: 1022, dna: 1998 };
export const MAX_MAX_LENGTH = 1_000_000;

/** Which language model `openEmbedder` loads, where, and what it makes of sequences. */
export interface EmbedderOptions {
  /**
   * Name of a model: one for predictions, of which only `part` is loaded, or one of language models alone. Defaults to
   * the only installed one that has this part; if none has, to virnucpro-mini, which comes with this program.
   */
  readonly model?: string;
  /** `protein`: ESM-2, which reads amino acids. `dna`: DNABERT-S, which reads bases. */
  readonly part: LanguageModelPart;
  /**
   * The layer whose states `embed` and `stream` give: 0 for the token embeddings (those of ESM-2 scaled), N for the
   * states after layer N; those of the last one are after the final norm. Defaults to the last.
   */
  readonly layer?: number;
  /**
   * How the states of a sequence's tokens become one vector: `mean` or `max` of each number, over the residues of a
   * protein, or over all tokens of DNA, special ones included, as in a prediction; `cls`: the state of the first special
   * token. Defaults to `mean`.
   */
  readonly pool?: VectorPool;
  /**
   * What becomes of a sequence that is longer than `maxLength`. `windows`: it is read in the fewest windows of that
   * length that overlap by a quarter, and by at most 256 tokens; they are evenly spaced, each has its own special tokens,
   * and the states of a token that several have are averaged, before pooling; `cls` is the mean of the windows'.
   * `truncate`: its first tokens are read. `error`: its record has an error. Defaults to `windows`.
   */
  readonly longSequences?: LongSequences;
  /**
   * Residues of a protein, or tokens of DNA (of four or five bases), that the model reads at once, from 1 to a million.
   * Memory grows with it, and time with its square. Defaults to what the model was trained on: 1,022 residues (1,024
   * tokens with the special ones) or 1,998 tokens (2,000).
   */
  readonly maxLength?: number;
  /** As in OpenOptions. */
  readonly precision?: PrecisionChoice;
  /** As in OpenOptions. */
  readonly devices?: DeviceChoice;
  /** As in OpenOptions. */
  readonly workers?: number;
  /** As in OpenOptions. */
  readonly threads?: number;
  /** As in OpenOptions. */
  readonly maxMemory?: number;
  /** As in OpenOptions. */
  readonly deviceTimeout?: number;
  /** Maximum tokens in a batch; a longer window runs alone. Defaults to what suits the devices' memory. */
  readonly batchTokens?: number;
  /** As in OpenOptions. */
  readonly models?: string;
  /** As in OpenOptions. */
  readonly trust?: boolean;
  /** Called with every event while the model loads and computes. Anything it throws is ignored. */
  readonly onEvent?: OpenOptions['onEvent'];
  /** Gets every event as a sentence, as in OpenOptions. Defaults to none. */
  readonly logger?: OpenOptions['logger'];
  /** Aborts loading: `openEmbedder` throws its reason at once. Has no effect once the embedder is open. */
  readonly signal?: AbortSignal;
}

const EMBEDDER_OPTIONS = namesOf<EmbedderOptions>({
  model: true,
  part: true,
  layer: true,
  pool: true,
  longSequences: true,
  maxLength: true,
  precision: true,
  devices: true,
  workers: true,
  threads: true,
  maxMemory: true,
  deviceTimeout: true,
  batchTokens: true,
  models: true,
  trust: true,
  onEvent: true,
  logger: true,
  signal: true,
});

/** The options with defaults filled in, except those that the model decides. */
export interface EmbedderSettings {
  readonly part: LanguageModelPart;
  readonly layer: number | undefined;
  readonly pool: VectorPool;
  readonly longSequences: LongSequences;
  readonly maxLength: number;
  readonly model: ModelSettings;
  readonly handlers: ReturnType<typeof resolveOpenHandlers>;
}

/** @throws VirnucproError VNP_ARGUMENT */
export function resolveEmbedderOptions(options: EmbedderOptions): EmbedderSettings {
  checkNames(EMBEDDER_OPTIONS, options, 'openEmbedder');
  const { part, layer, pool = 'mean', longSequences = 'windows', maxLength, batchTokens, ...rest } = options;
  const { onEvent, logger, signal, ...opening } = rest;
  checkOneOf('part', part, PARTS);
  checkChoice('pool', pool, VECTOR_POOLS);
  checkChoice('longSequences', longSequences, LONG_SEQUENCES);
  checkKind('layer', layer, 'a number', (value: unknown) => typeof value === 'number');
  const tokens = batchTokens === undefined ? undefined : whole('batchTokens', batchTokens, MAX_BATCH_TOKENS);
  return {
    part,
    layer,
    pool,
    longSequences,
    maxLength: whole('maxLength', maxLength ?? DEFAULT_MAX_LENGTH[part], MAX_MAX_LENGTH),
    model: resolveModelSettings({ ...opening, proteinBatchTokens: tokens, dnaBatchTokens: tokens }),
    handlers: resolveOpenHandlers({ onEvent, logger, signal }),
  };
}

/** @throws VirnucproError VNP_ARGUMENT unless it is a layer of the model */
export function checkLayer(layer: number, layers: number, name = 'layer'): number {
  if (Number.isInteger(layer) && layer >= 0 && layer <= layers) return layer;
  throw expected('VNP_ARGUMENT', `a whole number from 0 to ${layers}`, name, String(layer));
}
