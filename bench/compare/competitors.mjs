// @ts-check
import { readFileSync } from 'node:fs';
import { inRepository } from '../../scripts/setup/repository.mjs';
import { onnxruntimeVersion } from './onnxruntime-package.mjs';

/**
 * @typedef {{
 *   name: string,
 *   title: string,
 *   part: 'dna' | 'protein',
 *   precision: 'fp32' | 'bf16' | 'int8',
 *   program: 'ours' | 'python' | 'onnxruntime',
 *   script?: string,
 *   needs: readonly ('transformers' | 'onnx')[],
 *   oneByOne?: boolean,
 * }} Competitor
 */

/** Minimum cosine with the baseline's embeddings that still counts as the same computation. */
export const leastCosine = { fp32: 0.9999, bf16: 0.99, int8: 0.95 };

/**
 * All competitors, the baseline first: the others' embeddings and speeds are compared with its own.
 * @param {import('./options.mjs').Options} options
 * @returns {Competitor[]}
 */
export function competitors(options) {
  const all = options.part === 'protein' ? esm() : dnabert(options.reference !== undefined);
  const { only } = options;
  const unknown = only?.filter((name) => !all.some((competitor) => competitor.name === name)) ?? [];
  if (unknown.length > 0) {
    throw new Error(
      `Expected names of ${all.map(({ name }) => name).join(', ')} for --only but received ${unknown.join(', ')}`,
    );
  }
  return only ? all.filter(({ name }) => only.includes(name)) : all;
}

/** @returns {Competitor[]} */
function esm() {
  const part = /** @type {const} */ ('protein');
  const python = /** @type {const} */ ('python');
  const transformers = {
    ...{ title: `transformers ${pinned('transformers')}`, part, program: python },
    ...{ script: 'run_transformers.py', needs: /** @type {const} */ (['transformers']) },
  };
  const esmCpp = {
    ...{ title: `esm-cpp ${pinned('esm-cpp')}`, part, program: python },
    ...{ script: 'run_esm_cpp.py', needs: /** @type {const} */ (['transformers']) },
  };
  return [
    {
      ...{ name: 'fair-esm', title: `fair-esm ${pinned('fair-esm')}`, part, precision: 'fp32', program: python },
      ...{ script: 'run_fair_esm.py', needs: [] },
    },
    { ...transformers, name: 'transformers-fp32', precision: 'fp32' },
    { ...transformers, name: 'transformers-bf16', precision: 'bf16' },
    { ...esmCpp, name: 'esm-cpp-fp32', precision: 'fp32' },
    { ...esmCpp, name: 'esm-cpp-int8', precision: 'int8' },
    {
      ...{ name: 'onnxruntime', title: `onnxruntime-node ${onnxruntimeVersion}`, part, precision: 'fp32' },
      ...{ program: 'onnxruntime', needs: ['transformers', 'onnx'] },
    },
    ...ours(part),
  ];
}

/** @param {boolean} hasReference @returns {Competitor[]} */
function dnabert(hasReference) {
  const part = /** @type {const} */ ('dna');
  const title = hasReference ? 'DNABERT reference code' : 'TorchScript of the archive';
  const common = {
    ...{ part, precision: /** @type {const} */ ('fp32'), program: /** @type {const} */ ('python') },
    ...{ script: 'run_dnabert_reference.py', needs: [] },
  };
  return [
    { ...common, name: 'reference', title: `${title}, one by one`, oneByOne: true },
    { ...common, name: 'reference-batched', title: `${title}, batched` },
    ...ours(part),
  ];
}

/** @param {'dna' | 'protein'} part @returns {Competitor[]} */
function ours(part) {
  const common = { part, program: /** @type {const} */ ('ours'), needs: [] };
  const { version } = JSON.parse(readFileSync(inRepository('package.json'), 'utf8'));
  return [
    { ...common, name: 'virnucpro-fp32', title: `virnucpro ${version}`, precision: 'fp32' },
    { ...common, name: 'virnucpro-bf16', title: `virnucpro ${version}`, precision: 'bf16' },
  ];
}

/** The version of a Python package. @param {string} name */
export function pinned(name) {
  const requirements = readFileSync(inRepository('bench', 'python', 'requirements.txt'), 'utf8');
  const line = requirements.split('\n').find((text) => text.startsWith(`${name}==`));
  if (line === undefined) throw new Error(`Expected ${name} in bench/python/requirements.txt`);
  return line.slice(name.length + 2);
}
