import { readFileSync } from 'node:fs';

export interface TestTensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

/** The bytes of a safetensors file with this header and data. */
export function safetensorsOf(header: unknown, data: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

/** A well-formed safetensors file of these tensors. */
export function packSafetensors(tensors: ReadonlyMap<string, TestTensor>): Buffer {
  let end = 0;
  const header = Object.fromEntries(
    [...tensors].map(([name, { dtype, shape, bytes }]) => {
      end += bytes.length;
      return [name, { dtype, shape, data_offsets: [end - bytes.length, end] }];
    }),
  );
  return safetensorsOf(header, Buffer.concat([...tensors.values()].map(({ bytes }) => bytes)));
}

/**
 * Reads a whole well-formed safetensors file, with a reader of its own, so that the tested one does not test itself.
 */
export function unpackSafetensors(path: string): Map<string, TestTensor> {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return new Map(
    tensors.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => [name, { dtype, shape, bytes: bytes.subarray(start + begin, start + end) }],
    ),
  );
}
