/** Pieces of hand-made pickles. */
export const PROTO = '\x80\x02';
export const STOP = '.';

export function pickle(...pieces: string[]): Buffer {
  return Buffer.from(PROTO + pieces.join('') + STOP, 'latin1');
}

export function global(module: string, name: string): string {
  return `c${module}\n${name}\n`;
}

/** SHORT_BINUNICODE. */
export function text(value: string): string {
  return `\x8c${String.fromCharCode(value.length)}${value}`;
}

/** BININT. */
export function integer(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return `J${bytes.toString('latin1')}`;
}

export function tuple(...items: string[]): string {
  return `(${items.join('')}t`;
}

/** The persistent id of a float32 storage, resolved. */
export function storage(key: string, elements: number): string {
  return `${tuple(text('storage'), global('torch', 'FloatStorage'), text(key), text('cpu'), integer(elements))}Q`;
}

export function tensor(key: string, elements: number, offset: number, shape: number[], strides: number[]): string {
  const sizes = [shape, strides].map((values) => tuple(...values.map(integer)));
  return `${global('torch._utils', '_rebuild_tensor_v2')}${tuple(storage(key, elements), integer(offset), ...sizes, '\x89', ')')}R`;
}
