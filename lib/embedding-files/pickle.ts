/** A value that `pickled` can write. */
export type Pickled =
  string | number | PickledTensor | PickledList | readonly Pickled[] | Map<string | number, Pickled>;

/** A tensor whose numbers are in the entry `data/${key}` of the same archive. */
export class PickledTensor {
  readonly key: number;
  readonly type: 'Float' | 'Int';
  readonly shape: readonly number[];

  constructor(key: number, type: 'Float' | 'Int', shape: readonly number[]) {
    this.key = key;
    this.type = type;
    this.shape = shape;
  }
}

/** A list of many texts in UTF-8, read as it is written. */
export class PickledList {
  readonly count: number;
  /** Of all texts together. */
  readonly bytes: number;
  readonly read: () => AsyncIterable<readonly Uint8Array[]>;

  constructor(count: number, bytes: number, read: () => AsyncIterable<readonly Uint8Array[]>) {
    this.count = count;
    this.bytes = bytes;
    this.read = read;
  }
}

const MARK = byte('(');
const START = Buffer.from([0x80, 2]);
const STOP = byte('.');

/** The pieces of a pickle (protocol 2) as torch.save makes it, which torch.load reads with `weights_only`. */
export function pickled(value: Pickled): { readonly size: number; readonly parts: AsyncIterable<Uint8Array> } {
  const pieces = [START, ...piecesOf(value), STOP];
  const size = pieces.reduce((sum, piece) => sum + (piece instanceof PickledList ? listBytes(piece) : piece.length), 0);
  return {
    size,
    parts: (async function* () {
      for (const piece of pieces) {
        if (piece instanceof PickledList) yield* listParts(piece);
        else yield piece;
      }
    })(),
  };
}

type Piece = Buffer | PickledList;

function piecesOf(value: Pickled): Piece[] {
  if (typeof value === 'string') return [text(Buffer.from(value, 'utf8'))];
  if (typeof value === 'number') return [integer(value)];
  if (value instanceof PickledTensor) return [tensor(value)];
  if (value instanceof PickledList) return [value];
  if (value instanceof Map) {
    const items = [...value].flatMap(([key, item]) => [...piecesOf(key), ...piecesOf(item)]);
    return [byte('}'), MARK, ...items, byte('u')];
  }
  return [byte(']'), MARK, ...value.flatMap(piecesOf), byte('e')];
}

function byte(opcode: string): Buffer {
  return Buffer.from(opcode, 'latin1');
}

function text(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5, 'X');
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** @param value whole; beyond 32 bits as eight bytes */
function integer(value: number): Buffer {
  if (value >= -0x80000000 && value <= 0x7fffffff) {
    const bytes = Buffer.alloc(5, 'J');
    bytes.writeInt32LE(value, 1);
    return bytes;
  }
  const bytes = Buffer.alloc(10);
  bytes.write('\x8a\x08', 'latin1');
  bytes.writeBigInt64LE(BigInt(value), 2);
  return bytes;
}

function tuple(items: readonly Buffer[]): Buffer {
  return Buffer.concat([MARK, ...items, byte('t')]);
}

function global(module: string, name: string): Buffer {
  return Buffer.from(`c${module}\n${name}\n`, 'latin1');
}

function tensor({ key, type, shape }: PickledTensor): Buffer {
  const numbers = shape.reduce((product, size) => product * size, 1);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const words = (value: string): Buffer => text(Buffer.from(value, 'utf8'));
  const storageType = global('torch', `${type}Storage`);
  const storage = tuple([words('storage'), storageType, words(String(key)), words('cpu'), integer(numbers)]);
  const noHooks = Buffer.concat([global('collections', 'OrderedDict'), byte(')R')]);
  return Buffer.concat([
    global('torch._utils', '_rebuild_tensor_v2'),
    tuple([
      Buffer.concat([storage, byte('Q')]),
      integer(0),
      tuple(shape.map(integer)),
      tuple(strides.map(integer)),
      // requires_grad
      byte('\x89'),
      noHooks,
    ]),
    byte('R'),
  ]);
}

function listBytes({ count, bytes }: PickledList): number {
  return 3 + 5 * count + bytes;
}

async function* listParts({ read }: PickledList): AsyncGenerator<Uint8Array> {
  yield Buffer.concat([byte(']'), MARK]);
  for await (const texts of read()) yield Buffer.concat(texts.map(text));
  yield byte('e');
}
