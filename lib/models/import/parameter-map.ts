import type { Architecture, ArchiveParameter, DataType } from '../../engine/addon.js';
import { expected } from '../../errors.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { quoted, type StoredTensor, type StoredType } from '../checkpoint/tensor.js';
import { parametersOf, type ParameterShape } from '../parameters.js';

/** One part of a model, ready to be written as an archive. */
export interface ImportedPart<A extends Architecture> {
  readonly architecture: A;
  readonly parameters: readonly ArchiveParameter[];
  /** Data type of the checkpoint's weights: the widest, should they differ. */
  readonly dtype: DataType;
  /** Weights that the embeddings do not need: heads, poolers, tables that are computed. */
  readonly ignored: readonly string[];
}

export interface ParameterNames {
  /** The checkpoint's name of an archive's parameter. */
  sourceName(name: string): string;
  /** Weights that may be there and change nothing. Any other weight is an error: the model would compute something else. */
  readonly ignored: RegExp;
}

const WIDEST_FIRST: readonly DataType[] = ['float32', 'bfloat16', 'float16'];

/**
 * Finds every parameter of the architecture in the checkpoint.
 *
 * @throws VNP_CHECKPOINT for a weight that is missing, of another shape, of a type that is not read, or not known
 */
export function mapParameters<A extends Architecture>(
  checkpoint: Checkpoint,
  architecture: A,
  names: ParameterNames,
): ImportedPart<A> {
  const used = new Set<string>();
  const types = new Set<DataType>();
  const parameters = parametersOf(architecture).map((parameter): ArchiveParameter => {
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
  if (tensor === undefined) {
    throw expected('VNP_CHECKPOINT', `the weight ${source} ${wanted}`, checkpoint.path, 'no such weight');
  }
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis])) {
    throw expected(
      'VNP_CHECKPOINT',
      `the shape ${wanted}`,
      `${source} of ${checkpoint.path}`,
      `[${tensor.shape.join(', ')}]`,
    );
  }
  return tensor;
}

function parameterType(checkpoint: Checkpoint, source: string, dtype: StoredType): DataType {
  if (dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16') return dtype;
  throw expected('VNP_CHECKPOINT', 'float32, float16 or bfloat16', `${source} of ${checkpoint.path}`, dtype);
}

function refuseUnknown(checkpoint: Checkpoint, names: readonly string[]): void {
  if (names.length === 0) return;
  const some = names.slice(0, 5).map(quoted).join(', ');
  throw expected(
    'VNP_CHECKPOINT',
    'only the weights of the architecture',
    checkpoint.path,
    `${names.length} more: ${some}${names.length > 5 ? ', …' : ''}`,
    'A model with more weights computes something else, so it is not imported',
  );
}
