import { pickled } from './pickle.js';
import type { Pickled } from './pickle.js';
import { StoredZip } from './stored-zip.js';
import type { StoredZipOptions } from './stored-zip.js';

/** Numbers of a tensor: little-endian. */
export interface TensorData {
  readonly bytes: number;
  read(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

const ALIGNMENT = 64;

/**
 * Writes what torch.save writes: a value, and the numbers of its tensors by their keys.
 * @param path of a new file
 */
export async function writeTorchArchive(
  path: string,
  value: Pickled,
  tensors: readonly TensorData[],
  options: StoredZipOptions = {},
): Promise<void> {
  const zip = await StoredZip.create(path, { alignment: ALIGNMENT, ...options });
  const add = (name: string, text: string): Promise<void> => zip.add(name, text.length, [Buffer.from(text, 'latin1')]);
  try {
    const { size, parts } = pickled(value);
    await zip.add('archive/data.pkl', size, parts);
    await add('archive/byteorder', 'little');
    for (const [key, tensor] of tensors.entries()) await zip.add(`archive/data/${key}`, tensor.bytes, tensor.read());
    await add('archive/version', '3\n');
    await zip.close();
  } catch (error) {
    await zip.abandon();
    throw error;
  }
}
