import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { readCheckpoint } from '../../lib/models/checkpoint/checkpoint.js';
import { importModel } from '../../lib/models/import/import-model.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { valuesOf } from '../40-models/checkpoint-values.js';
import { packSafetensors, type TestTensor } from '../40-models/safetensors-file.js';
import { fixture } from '../repository.js';

/**
 * Installs a model with the language models of the golden one and another classifier: the golden one with its outputs
 * swapped and the signs of some weights changed.
 *
 * @param folder for its checkpoint
 */
export async function installOtherClassifier(name: string, models: string, folder: string): Promise<void> {
  const { tensors } = await readCheckpoint(fixture('golden', 'classifier.pth'));
  const state = new Map<string, TestTensor>();
  for (const [tensorName, tensor] of tensors) {
    if (tensor.dtype === 'int64') continue;
    const bytes = Uint8Array.from(valuesOf(tensor));
    const values = new Float32Array(bytes.buffer);
    if (tensorName.startsWith('output_layer.')) values.reverse();
    if (tensorName === 'hidden_layer.weight')
      values.forEach((value, at) => (values[at] = at % 3 === 0 ? -value : value));
    state.set(tensorName, { dtype: 'F32', shape: [...tensor.shape], bytes });
  }
  const classifier = join(folder, `${name}.safetensors`);
  writeFileSync(classifier, packSafetensors(state));
  await importModel({
    ...{ name, classifier, chunkSize: 500 },
    protein: fixture('golden', 'esm2', 'esm2_t3_tiny.pt'),
    dna: fixture('golden', 'dnabert'),
    registry: new ModelRegistry(models),
    addon: loadAddon().addon,
  });
}
