// @ts-check
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { repositoryRoot } from '../../scripts/setup/repository.mjs';

/** Processor flags that the speed of matrix products depends on. */
const interesting = [
  'avx2',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'avx512_fp16',
  'amx_bf16',
  'amx_int8',
  'amx_fp16',
];

/** @returns {Record<string, string>} the machine and the software that ran on it, described for readers */
export function describeMachine() {
  const text = readFileSync('/proc/cpuinfo', 'utf8');
  /** @param {string} name */
  const field = (name) => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(text)?.[1] ?? 'unknown';
  const flags = field('flags').split(' ');
  const model = `family ${field('cpu family')}, model ${field('model')}, stepping ${field('stepping')}`;
  return {
    processor: `${cpus()[0]?.model.trim()} (${model}), ${cpus().length} cores`,
    instructions: interesting.filter((flag) => flags.includes(flag)).join(', ') || 'none beyond SSE',
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    system: `Linux ${release()}, Node ${process.versions.node}`,
    source: commit(),
  };
}

function commit() {
  try {
    /** @param {string[]} words */
    const git = (...words) => execFileSync('git', words, { cwd: repositoryRoot, encoding: 'utf8' }).trim();
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ', with changes';
    return `${git('rev-parse', '--short', 'HEAD')}${changed}`;
  } catch {
    return 'no checkout';
  }
}
