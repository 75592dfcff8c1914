import { readFileSync } from 'node:fs';
import { ELEMENT_BYTES, type StoredTensor } from '../../lib/models/checkpoint/checkpoint-file.js';

/** The bytes of a tensor in row-major order, whatever its strides. */
export function valuesOf({ path, offset, dtype, shape, strides }: StoredTensor): Buffer {
  const file = readFileSync(path);
  const size = ELEMENT_BYTES[dtype];
  const pieces: Buffer[] = [];
  const visit = (axis: number, element: number): void => {
    if (axis === shape.length) pieces.push(file.subarray(offset + element * size, offset + (element + 1) * size));
    else for (let index = 0; index < shape[axis]!; index++) visit(axis + 1, element + index * strides[axis]!);
  };
  visit(0, 0);
  return Buffer.concat(pieces);
}
