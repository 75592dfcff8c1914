import { counted, expected, VirnucproError } from '../../errors.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { type JsonObject, property } from '../json.js';
import type { PickledValue } from '../checkpoint/pickle-values.js';
import type { Architecture, ArchiveParameter, DataType, ParameterShape } from '../../engine/addon.js';
import { loadAddon } from '../../engine/libtorch/load.js';
import { quoted, type StoredTensor, type StoredType } from '../checkpoint/checkpoint-file.js';

/** How a checkpoint names its weights. */
export type CheckpointLayout = 'fair-esm' | 'transformers-esm' | 'dnabert2' | 'bert' | 'classifier';

const DESCRIPTIONS: Readonly<Record<CheckpointLayout, string>> = {
  'fair-esm': 'an ESM checkpoint (`protein`)',
  'transformers-esm': 'an ESM checkpoint (`protein`)',
  dnabert2: 'a DNABERT-2 or DNABERT-S checkpoint (`dna`)',
  bert: 'a plain BERT checkpoint, with position embeddings and without gated feed-forward layers',
  classifier: 'a classifier checkpoint (`classifier`)',
};

export function layoutOf({ tensors, config }: Checkpoint): CheckpointLayout | undefined {
  const has = (pattern: RegExp): boolean => [...tensors.keys()].some((name) => pattern.test(name));
  if (tensors.has('hidden_layer.weight') || tensors.has('bn1.weight')) return 'classifier';
  if (has(/(^|\.)layers\.0\.self_attn\.q_proj\.weight$/)) return 'fair-esm';
  if (has(/(^|\.)attention\.self\.Wqkv\.weight$/)) return 'dnabert2';
  if (has(/(^|\.)encoder\.layer\.0\.attention\.self\.query\.weight$/)) {
    const isEsm =
      has(/^(esm\.)?encoder\.emb_layer_norm_after\.weight$/) || (config && property(config, 'model_type') === 'esm');
    return isEsm ? 'transformers-esm' : 'bert';
  }
  return undefined;
}

/**
 * @param wanted e.g. `an ESM-2 checkpoint`
 * @param option the option that gave the path, e.g. `protein`
 */
export function wrongLayout(checkpoint: Checkpoint, wanted: string, option: string): VirnucproError {
  const layout = layoutOf(checkpoint);
  const received =
    layout === undefined ? `a checkpoint of another kind (${someNames(checkpoint)})` : DESCRIPTIONS[layout];
  return expected('VNP_CHECKPOINT', wanted, `${option} ${checkpoint.path}`, received);
}

function someNames({ tensors }: Checkpoint): string {
  if (tensors.size === 0) return 'no weights';
  return `weights such as ${[...tensors.keys()]
    .slice(0, 3)
    .map((name) => name.slice(0, 80))
    .join(', ')}`;
}

export const ANOTHER_CHECKPOINT = 'Download the checkpoint again, or use one that is supported';

export function missingWeight({ path }: Checkpoint, weight: string): VirnucproError {
  return new VirnucproError('VNP_CHECKPOINT', `${path} has no weight ${weight}. ${ANOTHER_CHECKPOINT}`);
}

/** @param option the option that gave the path, e.g. `protein` */
export function missingConfig({ path }: Checkpoint, option: string): VirnucproError {
  return new VirnucproError(
    'VNP_CHECKPOINT',
    `There is no config.json beside the weights of ${option} ${path}. Add the file that was published with them`,
  );
}

/** More than any model has. */
export const MAX_LAYERS = 1000;

/** The named settings of a checkpoint (config.json, a Namespace), each checked when it is read. */
export class Settings {
  constructor(
    /** For messages, e.g. `config.json of PATH`. */
    private readonly where: string,
    private readonly valueOf: (name: string) => unknown,
  ) {}

  static ofJson(where: string, object: JsonObject): Settings {
    return new Settings(where, (name) => property(object, name));
  }

  static ofAttributes(where: string, attributes: ReadonlyMap<PickledValue, PickledValue>): Settings {
    return new Settings(where, (name) => attributes.get(name));
  }

  /** A whole number from 1. The limit keeps a hostile number of layers from costing time. */
  size(name: string, largest = 1_000_000): number {
    const value = this.valueOf(name);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= largest) return value;
    throw this.wrong(name, `a whole number from 1 to ${largest}`, value, ANOTHER_CHECKPOINT);
  }

  positive(name: string): number {
    const value = this.valueOf(name);
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
    throw this.wrong(name, 'a positive number', value, ANOTHER_CHECKPOINT);
  }

  /** Refuses any other value, because the model would compute something else. */
  require(name: string, ...allowed: readonly unknown[]): void {
    const value = this.valueOf(name);
    if (allowed.includes(value)) return;
    const supported = allowed.filter((one) => one !== undefined).map(show);
    const next = 'This is another model, which would compute something else; it is not supported';
    throw this.wrong(name, supported.join(' or '), value, next);
  }

  private wrong(name: string, what: string, value: unknown, next: string): VirnucproError {
    const message = `${name} in ${this.where} must be ${what} but is ${show(value)}. ${next}`;
    return new VirnucproError('VNP_CHECKPOINT', message);
  }
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value))
    return JSON.stringify(value).slice(0, 80);
  return typeof value === 'bigint' ? String(value).slice(0, 80) : 'something else';
}

/** One part of a model, ready to be written as an archive. */
export interface ImportedPart<A extends Architecture> {
  readonly architecture: A;
  readonly parameters: readonly ArchiveParameter[];
  /** Data type of the checkpoint's weights; the widest, if they differ. */
  readonly dtype: DataType;
  /** Weights that embeddings do not depend on: heads, poolers, precomputed tables. */
  readonly ignored: readonly string[];
}

export interface ParameterNames {
  /** The checkpoint's name for a parameter of the archive. */
  sourceName(name: string): string;
  /** Optional weights that have no effect. Any other weight is an error: the model would compute something else. */
  readonly ignored: RegExp;
}

const WIDEST_FIRST: readonly DataType[] = ['float32', 'bfloat16', 'float16'];

/**
 * Finds every parameter of the architecture in the checkpoint.
 *
 * @throws VNP_CHECKPOINT for a weight that is missing, unknown, or of an unsupported shape or type
 */
export function mapParameters<A extends Architecture>(
  checkpoint: Checkpoint,
  architecture: A,
  names: ParameterNames,
): ImportedPart<A> {
  const used = new Set<string>();
  const types = new Set<DataType>();
  const parameters = loadAddon()
    .addon.parametersOf(architecture)
    .map((parameter): ArchiveParameter => {
      const source = names.sourceName(parameter.name);
      used.add(source);
      const { path, offset, strides, ...tensor } = findTensor(checkpoint, source, parameter);
      const dtype = parameterType(checkpoint, source, tensor.dtype);
      types.add(dtype);
      return { name: parameter.name, shape: parameter.shape, source: { kind: 'file', path, offset, dtype, strides } };
    });
  const others = [...checkpoint.tensors.keys()].filter((name) => !used.has(name));
  refuseUnknown(
    checkpoint,
    others.filter((name) => !names.ignored.test(name)),
  );
  return { architecture, parameters, dtype: WIDEST_FIRST.find((dtype) => types.has(dtype))!, ignored: others };
}

function findTensor(checkpoint: Checkpoint, source: string, { shape }: ParameterShape): StoredTensor {
  const tensor = checkpoint.tensors.get(source);
  const wanted = `[${shape.join(', ')}]`;
  if (tensor === undefined) throw missingWeight(checkpoint, `${source} ${wanted}`);
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis])) {
    throw new VirnucproError(
      'VNP_CHECKPOINT',
      `${source} of ${checkpoint.path} has the shape [${tensor.shape.join(', ')}] instead of ${wanted}. ` +
        ANOTHER_CHECKPOINT,
    );
  }
  return tensor;
}

function parameterType(checkpoint: Checkpoint, source: string, dtype: StoredType): DataType {
  if (dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16') return dtype;
  throw new VirnucproError(
    'VNP_CHECKPOINT',
    `${source} of ${checkpoint.path} has the type ${dtype}. Convert the checkpoint to float32, float16 or bfloat16`,
  );
}

function refuseUnknown(checkpoint: Checkpoint, names: readonly string[]): void {
  if (names.length === 0) return;
  const some = names.slice(0, 5).map(quoted).join(', ');
  throw new VirnucproError(
    'VNP_CHECKPOINT',
    `${checkpoint.path} has ${counted(names.length, 'weight')} too many for its architecture: ` +
      `${some}${names.length > 5 ? ', …' : ''}. ` +
      'A model with more weights computes something else, so it is not imported',
  );
}
