// @ts-check
import { Buffer } from 'node:buffer';

/**
 * What is installed, and its first use: a program that runs in the project and ends when it has a result.
 * @typedef {{ name: string, packages: readonly string[], use: string, first: string, files?: Record<string, Buffer> }} Subject
 */

/** @param {number} field @param {number} value a small one */
const number = (field, value) => Buffer.from([field << 3, value]);

/** @param {number} field @param {string | Buffer} content shorter than 128 bytes */
const bytes = (field, content) =>
  Buffer.concat([Buffer.from([(field << 3) | 2, Buffer.byteLength(content)]), Buffer.from(content)]);

/** @param {string} name @returns {Buffer} a float tensor of shape [1, 4], as ONNX's ValueInfoProto */
function value(name) {
  const shape = Buffer.concat([1, 4].map((size) => bytes(1, number(1, size))));
  return Buffer.concat([bytes(1, name), bytes(2, bytes(1, Buffer.concat([number(1, 1), bytes(2, shape)])))]);
}

/** A model of one operator, y = x + x, in the wire format of ONNX: the smallest that is of any use here. */
function tinyOnnx() {
  const node = Buffer.concat([bytes(1, 'x'), bytes(1, 'x'), bytes(2, 'y'), bytes(4, 'Add')]);
  const graph = Buffer.concat([bytes(1, node), bytes(2, 'tiny'), bytes(11, value('x')), bytes(12, value('y'))]);
  const operators = Buffer.concat([bytes(1, ''), number(2, 13)]);
  return Buffer.concat([number(1, 8), bytes(7, graph), bytes(8, operators)]);
}

/** @type {readonly Subject[]} */
export const others = [
  {
    name: 'sharp',
    packages: ['sharp@0.35.5'],
    use: 'resizes a picture of 1024 x 768 to a JPEG',
    first: `
      import sharp from 'sharp';
      const picture = sharp({ create: { width: 1024, height: 768, channels: 3, background: 'teal' } });
      const { length } = await picture.resize(256).jpeg().toBuffer();
      if (length < 100) process.exit(1);`,
  },
  {
    name: 'onnxruntime-node',
    packages: ['onnxruntime-node@1.30.0'],
    use: 'opens a model of one operator and runs it',
    first: `
      import { InferenceSession, Tensor } from 'onnxruntime-node';
      const session = await InferenceSession.create('tiny.onnx');
      const { y } = await session.run({ x: new Tensor('float32', [1, 2, 3, 4], [1, 4]) });
      if (y.data[3] !== 8) process.exit(1);`,
    files: { 'tiny.onnx': tinyOnnx() },
  },
  {
    name: 'node-llama-cpp',
    packages: ['node-llama-cpp@3.22.1'],
    use: 'loads its binding for the CPU; no model',
    first: `
      import { getLlama } from 'node-llama-cpp';
      const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false });
      if (llama.systemInfo === '') process.exit(1);
      process.exit(0);`,
  },
];

/** @param {string} tarball of the main package @returns {Subject} */
export function ours(tarball) {
  return {
    name: 'virnucpro',
    packages: [tarball],
    use: 'opens virnucpro-mini and predicts the example contigs; libtorch is in the cache',
    first: `
      import { open } from 'virnucpro';
      const predictor = await open({ model: 'virnucpro-mini', devices: 'cpu' });
      let verdict;
      for await (const result of predictor.predict('node_modules/virnucpro/examples/contigs.fa')) {
        if (result.kind === 'contig' && result.contig === 'dna_phage') verdict = result.verdict;
      }
      await predictor.close();
      if (verdict !== 'virus') process.exit(1);`,
  };
}
