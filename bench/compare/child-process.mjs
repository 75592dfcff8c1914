// @ts-check
import { spawn } from 'node:child_process';

/**
 * Runs a command whose standard output is JSON, or ends with a line of JSON.
 * @param {string} command
 * @param {string[]} words
 * @param {{ threads?: number }} [options] threads: for libraries that read their number only from the environment
 * @returns {Promise<any>}
 */
export function jsonOf(command, words, { threads } = {}) {
  const count = threads === undefined ? {} : { OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) };
  return new Promise((resolve, reject) => {
    // During a measurement nothing is downloaded or checked for updates.
    const env = { ...process.env, ...count, HF_HUB_OFFLINE: '1' };
    const child = spawn(command, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => (errors += text));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(lastJson(output));
      const line = errors.trim().split('\n').at(-1) || `status ${code ?? signal}`;
      reject(new Error(line, { cause: `${command} ${words.join(' ')}\n${errors}` }));
    });
  });
}

/** @param {string} output */
function lastJson(output) {
  try {
    return JSON.parse(output);
  } catch {
    return JSON.parse(output.trim().split('\n').at(-1) ?? '');
  }
}
