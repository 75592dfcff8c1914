import { readFileSync } from 'node:fs';

interface Header {
  [name: string]: { dtype: string; shape: number[]; data_offsets: [number, number] };
}

/** The float32 tensors, by name, of a golden file in the safetensors format. */
export function goldenTensors(path: string): Map<string, { shape: number[]; values: Float32Array }> {
  const bytes = readFileSync(path);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Header;
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    if (entry.dtype !== 'F32') throw new Error(`Expected F32 for ${name} but received ${entry.dtype}`);
    const [start, end] = entry.data_offsets.map((offset) => 8 + headerLength + offset) as [number, number];
    const copy = Uint8Array.from(bytes.subarray(start, end));
    tensors.set(name, { shape: entry.shape, values: new Float32Array(copy.buffer) });
  }
  return tensors;
}

/** The largest absolute difference; Infinity if the lengths differ or a value is NaN. */
export function largestDifference(actual: ArrayLike<number>, golden: ArrayLike<number>): number {
  if (actual.length !== golden.length) return Infinity;
  let largest = 0;
  for (let index = 0; index < actual.length; index++) {
    const difference = Math.abs(actual[index]! - golden[index]!);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}
