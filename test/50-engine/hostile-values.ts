/** Values that nearly every argument of a native call must refuse, and objects that misbehave when they are read. */
export const HOSTILE: readonly unknown[] = [
  ...[undefined, null, true, false, 0, -0, 1, -1, 0.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32, 2 ** 53, 1e300],
  ...['', 'cpu', 'dna', '\0', '\ud800', 'é\n'.repeat(200), Symbol('s'), 5n, -(2n ** 70n)],
  ...[
    [],
    [1],
    [undefined],
    new Array<number>(2 ** 32 - 1),
    {},
    Object.create(null) as object,
    () => 0,
    /x/,
    new Date(NaN),
  ],
  ...[
    new Map(),
    new Error('e'),
    Promise.resolve(1),
    new ArrayBuffer(8),
    new SharedArrayBuffer(8),
    new DataView(new ArrayBuffer(8)),
  ],
  ...[
    new Uint8Array(3),
    new Int8Array(3),
    new BigInt64Array(2),
    new Float64Array(2),
    new Uint8ClampedArray(2),
    Buffer.from('x'),
  ],
  ...[new Proxy({}, {}), new Proxy([], {}), new Proxy(new Int32Array(4), {})],
];

/** From ES2024, which the compiler's library does not know yet. */
export function resizableBuffer(bytes: number): ArrayBuffer & { resize(bytes: number): void } {
  return Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: 4096 }]) as ReturnType<typeof resizableBuffer>;
}

export interface HostileArray {
  readonly name: string;
  readonly value: unknown;
}

/** Typed arrays of right and wrong kinds, over every kind of memory. */
export function hostileArrays(): HostileArray[] {
  const detached = <T extends Int32Array | Float32Array | Uint8Array>(array: T): T => {
    structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
    return array;
  };
  const resizable = (size: number): ArrayBuffer => {
    const buffer = resizableBuffer(16);
    buffer.resize(size);
    return buffer;
  };
  const outOfBounds = (): Int32Array => {
    const buffer = resizableBuffer(16);
    const view = new Int32Array(buffer, 4, 3);
    buffer.resize(4);
    return view;
  };
  class Longer extends Int32Array {
    override get length(): number {
      return 1e9;
    }
  }
  return [
    { name: 'right numbers', value: Int32Array.of(0, 2, 4) },
    { name: 'right letters', value: new Uint8Array(4).fill(67) },
    { name: 'right features', value: new Float32Array(112) },
    { name: 'nothing', value: new Int32Array(0) },
    { name: 'no letters', value: new Uint8Array(0) },
    { name: 'detached numbers', value: detached(Int32Array.of(0, 4)) },
    { name: 'detached letters', value: detached(new Uint8Array(4)) },
    { name: 'detached features', value: detached(new Float32Array(112)) },
    { name: 'shared numbers', value: new Int32Array(new SharedArrayBuffer(16)) },
    { name: 'shared letters', value: new Uint8Array(new SharedArrayBuffer(16)) },
    { name: 'shared features', value: new Float32Array(new SharedArrayBuffer(448)) },
    { name: 'numbers of a resizable buffer', value: new Int32Array(resizable(64)) },
    { name: 'letters of a resizable buffer', value: new Uint8Array(resizable(0)) },
    { name: 'numbers out of bounds', value: outOfBounds() },
    { name: 'a part of a buffer', value: new Int32Array(Int32Array.of(9, 0, 3, 9).buffer, 4, 2) },
    { name: 'extreme numbers', value: Int32Array.of(0, 2 ** 31 - 1, -(2 ** 31), -1) },
    { name: 'a class that lies about its length', value: new Longer(3) },
    { name: 'other numbers', value: new Uint32Array(3) },
    { name: 'a list', value: [0, 2, 4] },
    { name: 'a proxy', value: new Proxy(Int32Array.of(0, 4), {}) },
    { name: 'a null', value: null },
  ];
}

/**
 * Versions of an argument with one fault each: a hostile value instead of the argument or of one of its fields, or a
 * field that is missing, throws from a getter, or is different each time it is read.
 *
 * @param thrown what a getter throws
 */
export function* mistreated(argument: unknown, thrown: unknown): Generator<[name: string, value: unknown]> {
  for (const value of HOSTILE) yield [nameOf(value), value];
  if (typeof argument !== 'object' || argument === null) return;
  const trap = (): never => {
    throw thrown;
  };
  yield ['a proxy of it', new Proxy(argument, {})];
  yield ['a proxy that throws', new Proxy(argument, { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap })];
  if (ArrayBuffer.isView(argument)) return;
  const copy = (): object => (Array.isArray(argument) ? [...(argument as unknown[])] : { ...argument });
  for (const [name, field] of Object.entries(argument).slice(0, 8)) {
    const without = copy();
    Reflect.deleteProperty(without, name);
    yield [`without ${name}`, without];
    yield [`${name} throws`, Object.defineProperty(copy(), name, { get: trap, enumerable: true })];
    let reads = 0;
    const changing = {
      get: (): unknown => (reads++ % 2 === 0 ? field : HOSTILE[reads % HOSTILE.length]),
      enumerable: true,
    };
    yield [`${name} changes`, Object.defineProperty(copy(), name, changing)];
    for (const [inner, value] of mistreated(field, thrown))
      yield [`${name}: ${inner}`, Object.assign(copy(), { [name]: value })];
  }
}

function nameOf(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Object.prototype.toString.call(value);
  return typeof value === 'symbol' || typeof value === 'function' ? typeof value : JSON.stringify(String(value));
}
