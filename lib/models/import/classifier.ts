import type { ClassifierArchitecture } from '../../engine/addon.js';
import { VirnucproError } from '../../errors.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { kindOf, PickledRecord, type PickledValue } from '../checkpoint/pickle-values.js';
import {
  ANOTHER_CHECKPOINT,
  layoutOf,
  type ImportedPart,
  mapParameters,
  missingWeight,
  wrongLayout,
} from './source-checkpoint.js';

const OPTION = '`classifier`';
const WANTED = 'a VirNucPro classifier (MLPClassifier)';

/** torch's default, for a state dict, which does not contain it. */
const DEFAULT_EPSILON = 1e-5;

const MODULES: ReadonlyMap<string, string> = new Map([
  ['hidden', 'hidden_layer'],
  ['norm', 'bn1'],
  ['output', 'output_layer'],
]);

/** Classes of the submodules with weights; the others have none, or do nothing in a forward pass. */
const MODULE_CLASSES: ReadonlyMap<string, string> = new Map([
  ['hidden_layer', 'torch.nn.modules.linear.Linear'],
  ['bn1', 'torch.nn.modules.batchnorm.BatchNorm1d'],
  ['output_layer', 'torch.nn.modules.linear.Linear'],
]);
const HARMLESS_CLASSES = new Set([
  'torch.nn.modules.dropout.Dropout',
  'torch.nn.modules.activation.ReLU',
  'torch.nn.modules.activation.Softmax',
]);

/**
 * The classifier of VirNucPro: the pickled module `__main__.MLPClassifier`, or its state dict.
 *
 * @throws VNP_CHECKPOINT
 */
export function importClassifier(checkpoint: Checkpoint): ImportedPart<ClassifierArchitecture> {
  if (layoutOf(checkpoint) !== 'classifier') throw wrongLayout(checkpoint, WANTED, OPTION);
  const [hidden, inputs] = checkpoint.tensors.get('hidden_layer.weight')?.shape ?? [];
  if (hidden === undefined || inputs === undefined) {
    throw missingWeight(checkpoint, 'hidden_layer.weight [hidden, inputs]');
  }
  const architecture: ClassifierArchitecture = {
    family: 'classifier',
    inputs,
    hidden,
    batchNormEpsilon: batchNormEpsilon(checkpoint),
  };
  return mapParameters(checkpoint, architecture, {
    sourceName: renamed,
    ignored: /^bn1\.num_batches_tracked$/,
  });
}

function renamed(name: string): string {
  const dot = name.indexOf('.');
  return MODULES.get(name.slice(0, dot))! + name.slice(dot);
}

function batchNormEpsilon({ root, path }: Checkpoint): number {
  if (!(root instanceof PickledRecord)) return DEFAULT_EPSILON;
  const modules = root.attributes.get('_modules');
  if (!(modules instanceof Map))
    throw wrongModule(`${path} has ${kindOf(modules)} instead of the parts of a torch module`);
  for (const [name, module] of modules) checkModule(path, name, module);
  const norm = modules.get('bn1');
  const epsilon = norm instanceof PickledRecord ? norm.attributes.get('eps') : undefined;
  if (typeof epsilon === 'number' && epsilon > 0 && Number.isFinite(epsilon)) return epsilon;
  throw wrongModule(`bn1 of ${path} has ${kindOf(epsilon)} instead of a positive eps`);
}

function checkModule(path: string, name: PickledValue, module: PickledValue): void {
  const type = module instanceof PickledRecord ? module.type.path : kindOf(module);
  const wanted = typeof name === 'string' ? MODULE_CLASSES.get(name) : undefined;
  if (wanted === undefined ? HARMLESS_CLASSES.has(type) : type === wanted) return;
  const layer = `${typeof name === 'string' ? name.slice(0, 40) : kindOf(name)} of ${path}`;
  throw wrongModule(
    wanted === undefined
      ? `${layer} is an extra layer of type ${type}`
      : `${layer} is of type ${type} instead of ${wanted}`,
  );
}

function wrongModule(problem: string): VirnucproError {
  return new VirnucproError('VNP_CHECKPOINT', `${problem}. ${ANOTHER_CHECKPOINT}`);
}
