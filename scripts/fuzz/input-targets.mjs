// @ts-check
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { check, checkMessage } from './check.mjs';
import { mutated } from './mutations.mjs';

/** @typedef {import('./search.mjs').Target} Target */

export const INPUT_NAMES = /** @type {const} */ (['archives', 'records']);

/** Bytes of content that are read: an archive of a few bytes may expand to any amount. */
const ENOUGH = 1 << 20;

/** Block sizes in which a reader gets its bytes: no result may depend on where an input is cut. */
const CUTS = [Infinity, 1, 7];

const RECORD_PIECES = [
  '>',
  '>a b\n',
  'ACGT',
  'acgtn-*',
  '\n',
  '\r',
  '\r\n',
  '@',
  '@a\nACGT\n+\nIIII\n',
  '+\n',
  ' ',
  '\t',
  '\0',
  '\xef\xbb\xbf',
  '\n;x\n',
  '\n#',
  '\n  >',
  '1 ac',
  'gt 61\n',
  'U',
  '.',
  '@r\nACGTAC\n+\n@I\nIIII\n',
];

/**
 * The readers of inputs, see reader-targets.mjs.
 * @param {string} folder where the instrumented `lib/` lies
 * @param {readonly Buffer[]} dictionary
 * @returns {Promise<Record<(typeof INPUT_NAMES)[number], Target>>}
 */
export async function inputTargets(folder, dictionary) {
  /** @param {string} path @returns {Promise<any>} */
  const compiled = (path) => import(pathToFileURL(join(folder, path)).href);
  const { VirnucproError } = await compiled('errors.js');
  const { ArchiveDamage, CompressedInput, compressionOf, SIGNATURE_BYTES } = await compiled('input/compression.js');
  const { loadDecompress } = await compiled('input/decompressed.js');
  const { ContentGate, parserFor } = await compiled('input/content.js');

  /**
   * The content of an archive and how reading it ended.
   * @param {any} decompress
   * @param {Buffer} bytes
   * @param {number} cut
   */
  const unpacked = (decompress, bytes, cut) => {
    const input = new CompressedInput();
    const content = [];
    let size = 0;
    try {
      let given = 0;
      for (const piece of decompress(input)) {
        if (piece === undefined) {
          check(!input.isEnded, 'nothing more asked for at the end');
          const block = bytes.subarray(given, given + cut);
          given += block.length;
          if (block.length > 0) input.add(block);
          if (given === bytes.length) input.end();
          continue;
        }
        size += piece.length;
        if (size > ENOUGH) return { state: 'large' };
        content.push(Buffer.from(piece));
      }
      return { state: 'whole', content: Buffer.concat(content) };
    } catch (error) {
      if (!(error instanceof ArchiveDamage)) throw error;
      checkMessage(/** @type {Error} */ (error).message);
      return { state: /** @type {Error} */ (error).message, content: Buffer.concat(content) };
    }
  };

  /** @param {Buffer} bytes @param {number} cut */
  const parsed = (bytes, cut) => {
    const gate = new ContentGate('input');
    /** @type {any} */
    let parser;
    /** @type {unknown[]} */
    const records = [];
    /** @param {readonly Uint8Array[]} blocks */
    const push = (blocks) => {
      if (gate.format === undefined) return;
      parser ??= parserFor(gate.format, { source: 'input', firstIndex: 0, memoryLimit: ENOUGH });
      for (const block of blocks) parser.push(block);
    };
    const take = () => {
      for (const { sequence, ...record } of parser?.take() ?? []) {
        records.push({ ...record, letters: Buffer.from(sequence.read(0, sequence.length)).toString('latin1') });
        sequence.release();
      }
    };
    let failure;
    try {
      for (let at = 0; at < bytes.length; at += cut) {
        // The parser may use the block only during the call, so it is overwritten afterwards.
        const block = Buffer.from(bytes.subarray(at, at + cut));
        push(gate.add(block));
        block.fill(0x3e);
        take();
      }
      push(gate.end(true));
      parser?.finish();
    } catch (error) {
      if (!(error instanceof VirnucproError)) throw error;
      const { code, message } = /** @type {import('../../lib/errors.js').VirnucproError} */ (error);
      check(code === 'VNP_INPUT_FORMAT', `the code ${code}`);
      checkMessage(message);
      failure = message;
    }
    take();
    parser?.abandon();
    return { records, failure };
  };

  /** @param {{ id: string, header: string, problem?: string, letters: string }} record */
  const checkRecord = ({ id, header, problem, letters }) => {
    check(!/[\n\r]/.test(header) && !/\s/.test(id), 'a header on one line, an id without spaces');
    if (problem !== undefined) checkMessage(problem);
    check(!/[\n\r\t ]/.test(letters), 'letters without spaces');
    if (problem === undefined) check(/^[ACGTURYSWKMBDHVNX]*$/i.test(letters), 'letters of nucleotides');
  };

  return {
    archives: {
      run: async (bytes) => {
        const compression = compressionOf(bytes.subarray(0, SIGNATURE_BYTES));
        if (compression === undefined || compression === 'gzip') return;
        const decompress = await loadDecompress(compression);
        const [whole, ...others] = CUTS.map((cut) => unpacked(decompress, bytes, cut));
        for (const other of others)
          check(isDeepStrictEqual(other.state, whole?.state), `one state: ${other.state}, ${whole?.state}`);
        if (whole?.state !== 'whole') return;
        for (const other of others) check(isDeepStrictEqual(other.content, whole.content), 'one content');
      },
      mutate: mutated,
      dictionary: [...dictionary, ...['BZh9', '\xfd7zXZ\0', '\x28\xb5\x2f\xfd', '\x50\x2a\x4d\x18'].map(latin1)],
      longest: 1000,
    },
    records: {
      run: (bytes) => {
        const [whole, ...others] = CUTS.map((cut) => parsed(bytes, cut));
        for (const record of whole?.records ?? []) checkRecord(/** @type {any} */ (record));
        for (const other of others)
          check(isDeepStrictEqual(other, whole), `${JSON.stringify(other)} as ${JSON.stringify(whole)}`);
      },
      mutate: mutated,
      dictionary: [...RECORD_PIECES.map(latin1), ...dictionary],
      longest: 1000,
    },
  };
}

/** @param {string} text */
function latin1(text) {
  return Buffer.from(text, 'latin1');
}
