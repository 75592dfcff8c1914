// @ts-check
import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { check, checkMessage } from './check.mjs';
import { INPUT_NAMES, inputTargets } from './input-targets.mjs';
import { mutatedJson } from './json-mutations.mjs';
import { mutated } from './mutations.mjs';
import { mutatedZip } from './zip-mutations.mjs';

/**
 * The readers of other people's files, each as a function of bytes that throws if the reader misbehaves: if it throws
 * anything but its own error, returns something that is not in the file, or never ends.
 *
 * @typedef {import('./search.mjs').Target} Target
 */

const CHECKPOINT_NAMES = /** @type {const} */ (['json', 'safetensors', 'zip', 'pickle', 'torch', 'tokenizer']);

export const READER_NAMES = [...CHECKPOINT_NAMES, ...INPUT_NAMES];

/** The sources to compile for them, below `lib/`. */
export const READER_SOURCES = [
  ...['errors.ts', 'disk.ts', 'engine/addon.ts', 'batches/tokens.ts', 'input'],
  ...['models/checkpoint', 'models/json.ts', 'models/tokenizers.ts'],
];

/** @param {string} path */
export function isReaderSource(path) {
  return /^(models|input)\//.test(path);
}

/** Pieces of pickles: operations with their arguments, and the known globals. */
const PICKLE_PIECES = [
  ...['\x80\x02', '\x80\x04', '.', '(', ')', '0', '1', '2', 'N', '\x88', '\x89', 'K\x01', 'M\x01\x00', 'J\x01\0\0\0'],
  ...[
    '\x8a\x01\x01',
    '\x8b\x01\0\0\0\x01',
    'G?\xf0\0\0\0\0\0\0',
    'U\x01a',
    'T\x01\0\0\0a',
    '\x8c\x01a',
    'X\x01\0\0\0a',
  ],
  ...['\x8d\x01\0\0\0\0\0\0\0a', 'C\x01a', 'B\x01\0\0\0a', '\x8e\x01\0\0\0\0\0\0\0a', '\x96\x01\0\0\0\0\0\0\0a'],
  ...['\x85', '\x86', '\x87', 't', ']', 'l', 'a', 'e', '}', 'd', 's', 'u', '\x8f', '\x90', '\x91', '\x93', 'R', '\x81'],
  ...['b', 'Q', 'q\0', 'r\0\0\0\0', '\x94', 'h\0', 'j\0\0\0\0', '\x95\x01\0\0\0\0\0\0\0', 'cos\nsystem\n', '\x92', 'o'],
  ...['ccollections\nOrderedDict\n)R', 'ctorch._utils\n_rebuild_tensor_v2\n', 'ctorch._utils\n_rebuild_parameter\n'],
  ...['c__main__\nMLPClassifier\n)\x81', 'cargparse\nNamespace\n)\x81', 'ctorch.nn.modules.linear\nLinear\n)\x81'],
  ...[
    'c__builtin__\nset\n',
    '(\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x01tQ',
    'K\0K\x01\x85K\x01\x85',
  ],
].map((piece) => Buffer.from(piece, 'latin1'));

/**
 * @param {string} folder where the instrumented `lib/` lies
 * @param {{ strings: readonly string[], numbers: readonly number[] }} found in the readers' sources
 * @returns {Promise<Record<(typeof READER_NAMES)[number], Target>>}
 */
export async function readerTargets(folder, { strings, numbers }) {
  /** @param {string} path @returns {Promise<any>} */
  const compiled = (path) => import(pathToFileURL(join(folder, path)).href);
  const { VirnucproError } = await compiled('errors.js');
  const { parseStrictJson } = await compiled('models/json.js');
  const { looksLikeSafetensors, readSafetensors } = await compiled('models/checkpoint/safetensors.js');
  const { ZipFile } = await compiled('models/checkpoint/zip.js');
  const { PickleEndsEarly, readPickle } = await compiled('models/checkpoint/pickle.js');
  const { namedTensors, readTorchFile, torchLayout } = await compiled('models/checkpoint/torch-file.js');
  const { CheckpointFile, ELEMENT_BYTES } = await compiled('models/checkpoint/checkpoint-file.js');
  const { parseTokenizer } = await compiled('models/tokenizers.js');

  const words = strings.filter((text) => /^[^ ]{1,40}$/.test(text));
  const dictionary = [...words.map((word) => Buffer.from(word, 'latin1')), ...numbers.flatMap(numberBytes)];
  const jsonPieces = [...words.map((word) => `"${word}":`), ...'{}[],:"'].map((piece) => Buffer.from(piece));

  /** A file for the reader, in memory. @param {Buffer} bytes */
  const fileOf = (bytes) =>
    new CheckpointFile('the file', bytes.length, {
      /** @param {Buffer} to @param {number} at @param {number} length @param {number} position */
      read: async (to, at, length, position) => ({ bytesRead: bytes.copy(to, at, position, position + length) }),
    });

  /** The result, or undefined if the reader refused the file with its own error. @template T @param {() => T} read */
  const answered = async (read) => {
    try {
      return await read();
    } catch (error) {
      if (error instanceof PickleEndsEarly) return undefined;
      if (!(error instanceof VirnucproError)) throw error;
      const { code, message } = /** @type {import('../../lib/errors.js').VirnucproError} */ (error);
      check(code === 'VNP_CHECKPOINT', `the code ${code}`);
      checkMessage(message);
      return undefined;
    }
  };

  /** @param {Iterable<import('../../lib/models/checkpoint/checkpoint-file.js').StoredTensor>} tensors @param {number} size */
  const checkTensors = (tensors, size) => {
    for (const { offset, dtype, shape, strides } of tensors) {
      check(shape.length === strides.length, 'as many strides as dimensions');
      if (shape.includes(0)) continue;
      const last = shape.reduce((sum, count, axis) => sum + BigInt(count - 1) * BigInt(strides[axis] ?? -1), 0n);
      const end = BigInt(offset) + (last + 1n) * BigInt(ELEMENT_BYTES[dtype]);
      check(offset >= 0 && end <= BigInt(size), `a tensor within the file (${offset} to ${end} of ${size})`);
    }
  };

  /** @type {import('./mutations.mjs').Mutation} */
  const mutateJson = (bytes, random, pieces, other) => {
    const text = random.once(3) ? undefined : mutatedJson(bytes.toString(), random, words);
    return text === undefined ? mutated(bytes, random, pieces, other) : Buffer.from(text);
  };
  /** @type {import('./mutations.mjs').Mutation} */
  const mutateSafetensors = (bytes, random, pieces, other) => {
    const length = bytes.length < 8 ? 0 : bytes.readUInt32LE(0);
    const header = bytes.subarray(8, 8 + length);
    if (random.once(4) || header.length < length) return mutated(bytes, random, pieces, other);
    const changed = mutateJson(header, random, pieces, other);
    const start = Buffer.alloc(8);
    start.writeUInt32LE(changed.length);
    return Buffer.concat([start, changed, bytes.subarray(8 + length)]);
  };
  /** @type {import('./mutations.mjs').Mutation} */
  const mutateTorch = (bytes, random, pieces, other) => {
    const whole = () => mutated(bytes, random, pieces, other);
    return random.once(4)
      ? whole()
      : (mutatedZip(bytes, random, (part) => mutated(part, random, pieces, other)) ?? whole());
  };

  return {
    ...(await inputTargets(folder, dictionary)),
    json: {
      run: (bytes) => {
        const text = bytes.toString();
        /** @param {() => unknown} parse */
        const parsed = (parse) => {
          try {
            return { value: parse() };
          } catch (error) {
            check(
              error instanceof Error && error.constructor !== TypeError && error.constructor !== RangeError,
              String(error),
            );
            return undefined;
          }
        };
        const strict = parsed(() => parseStrictJson(text));
        if (strict)
          check(
            isDeepStrictEqual(
              strict,
              parsed(() => JSON.parse(text)),
            ),
            'what JSON.parse gives',
          );
      },
      mutate: mutateJson,
      dictionary: [...jsonPieces, ...dictionary],
      longest: 2000,
    },
    safetensors: {
      run: async (bytes) => {
        await looksLikeSafetensorsOrNot(bytes);
        const tensors = await answered(() => readSafetensors(fileOf(bytes)));
        if (tensors) checkTensors(tensors.values(), bytes.length);
      },
      mutate: mutateSafetensors,
      dictionary: [...jsonPieces, ...dictionary],
      longest: 4000,
    },
    zip: {
      run: async (bytes) => {
        const zip = await answered(() => ZipFile.open(fileOf(bytes)));
        for (const name of zip?.entries.keys() ?? []) {
          const place = await answered(() => zip.locate(name));
          if (place) check(place.offset >= 0 && place.offset + place.size <= bytes.length, 'an entry within the file');
          const content = await answered(() => zip.read(name, 100));
          if (content) check(content.length === place?.size && content.length <= 100, 'the entry as it was located');
        }
      },
      mutate: mutateTorch,
      dictionary,
      longest: 4000,
    },
    pickle: {
      run: async (bytes) => {
        const storages = new Map();
        const reading = { path: 'the file', bytes, start: 0, storages };
        const pickle = await answered(() => readPickle(reading));
        if (pickle) check(pickle.end > 0 && pickle.end <= bytes.length, 'an end within the bytes');
      },
      mutate: mutated,
      dictionary: [...PICKLE_PIECES, ...dictionary],
      longest: 2000,
    },
    torch: {
      run: async (bytes) => {
        const tensors = await answered(async () => {
          const file = fileOf(bytes);
          const layout = await torchLayout(file);
          return layout && namedTensors(await readTorchFile(file, layout));
        });
        if (tensors) checkTensors(tensors.values(), bytes.length);
      },
      mutate: mutateTorch,
      dictionary: [...PICKLE_PIECES, ...dictionary],
      longest: 6000,
    },
    tokenizer: {
      run: async (bytes) => {
        const vocabulary = await answered(() => parseTokenizer(bytes.toString(), 'the file'));
        if (!vocabulary) return;
        const { tokens, merges, unknown, prefix, suffix } = vocabulary;
        for (const id of [unknown, prefix, suffix])
          check(typeof tokens[id] === 'string', `the id ${id} in the vocabulary`);
        check(merges.length % 3 === 0, 'merges of three');
        for (let at = 0; at < merges.length; at += 3) {
          const [left, right, whole] = [...merges.subarray(at, at + 3)].map((id) => tokens[id]);
          check(left + right === whole && left !== '' && right !== '', `the merge ${at / 3} of its parts`);
        }
      },
      mutate: mutateJson,
      dictionary: [...jsonPieces, ...dictionary],
      longest: 8000,
    },
  };

  /** @param {Buffer} bytes */
  async function looksLikeSafetensorsOrNot(bytes) {
    check(typeof (await answered(() => looksLikeSafetensors(fileOf(bytes)))) === 'boolean', 'yes or no');
  }
}

/** The encodings of a number in a file. @param {number} number */
function numberBytes(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(Math.trunc(number))));
  return [1, 2, 4, 8].filter((size) => number < 256 ** size).map((size) => bytes.subarray(0, size));
}
