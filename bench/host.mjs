// @ts-check
/**
 * The speed of everything in `predict` except the models: read, window, frame, tokenize, pack, write. The real command
 * line runs over generated FASTA; only the devices are replaced, by fakes that answer every batch at once. See
 * README.md.
 *
 *   node bench/host.mjs [--megabases N] [--repeats N] [--kinds LIST] [--devices N] [--rate N] [--stages] [--json]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inRepository } from '../scripts/setup/repository.mjs';
import { KINDS, writeInput } from './host/inputs.mjs';

/** @typedef {import('./host/run.mjs').HostRun} HostRun */

const { values } = parseArgs({
  options: {
    megabases: { type: 'string', default: '20' },
    repeats: { type: 'string', default: '3' },
    kinds: { type: 'string', default: Object.keys(KINDS).join(',') },
    devices: { type: 'string', default: '8' },
    // Frames per second of each device; 0: every batch is answered at once.
    rate: { type: 'string', default: '0' },
    // The compiled project to measure, to compare with another version of it.
    dist: { type: 'string', default: inRepository('dist') },
    stages: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

/** @param {string[]} words @returns {any} */
function child(words) {
  const script = inRepository('bench', 'host', 'run.mjs');
  return JSON.parse(execFileSync(process.execPath, [script, values.dist, ...words], { encoding: 'utf8' }));
}

/** @param {HostRun[]} runs */
function medianOf(runs) {
  return [...runs].sort((a, b) => a.cpuSeconds - b.cpuSeconds)[runs.length >> 1] ?? fail();
}

/** @returns {never} */
function fail() {
  throw new Error('Expected at least one run');
}

/** @param {string} kind @param {number} bytes @param {HostRun} run */
function rowOf(kind, bytes, run) {
  const { seconds, cpuSeconds, windows, frames, loopDelay, peakBytes, busyFraction } = run;
  return [
    kind,
    (bytes / 1e6 / seconds).toFixed(1),
    (bytes / 1e6 / cpuSeconds).toFixed(1),
    (windows / cpuSeconds).toFixed(0),
    (frames / cpuSeconds).toFixed(0),
    `${(1e3 * loopDelay).toFixed(0)} ms`,
    `${(peakBytes / 1e6).toFixed(0)} MB`,
    ...(Number(values.rate) > 0 ? [`${(100 * busyFraction).toFixed(1)} %`] : []),
  ];
}

/** @param {readonly (string | number)[]} cells */
const line = (cells) => `| ${cells.join(' | ')} |`;

const folder = mkdtempSync(join(tmpdir(), 'virnucpro-host-'));
try {
  const models = join(folder, 'models');
  child(['model', models]);
  /** @type {Record<string, HostRun[]>} */
  const runs = {};
  /** @type {Record<string, number>} */
  const bytes = {};
  const kinds = values.kinds.split(',');
  for (const kind of kinds) {
    const input = join(folder, `${kind}.fa`);
    writeInput(input, kind, Number(values.megabases));
    bytes[kind] = statSync(input).size;
    const words = ['predict', models, input, join(folder, 'out'), values.devices, values.rate];
    runs[kind] = Array.from({ length: Number(values.repeats) }, () => child(words));
    if (values.stages) runs[kind].push(child([...words, 'stages']));
    rmSync(input);
  }
  if (values.json) console.log(JSON.stringify({ bytes, runs }, null, 2));
  else {
    const [processor] = cpus();
    const memory = (totalmem() / 2 ** 30).toFixed(0);
    console.log(`${processor?.model.trim()}, ${cpus().length} cores, ${memory} GiB, Node ${process.versions.node}\n`);
    const titles = ['input', 'MB/s', 'MB/s a core', 'windows/s a core', 'frames/s a core', 'longest delay', 'peak'];
    if (Number(values.rate) > 0) titles.push('devices busy');
    console.log(line(titles));
    console.log(line(titles.map(() => '---')));
    for (const kind of kinds) {
      const timed = (runs[kind] ?? []).filter(({ stages }) => stages === undefined);
      console.log(line(rowOf(kind, bytes[kind] ?? NaN, medianOf(timed))));
    }
    for (const kind of values.stages ? kinds : []) {
      const stages = runs[kind]?.find((run) => run.stages !== undefined)?.stages ?? {};
      const all = Object.values(stages).reduce((sum, seconds) => sum + seconds, 0);
      const shares = Object.entries(stages).sort((a, b) => b[1] - a[1]);
      console.log(
        `\n${kind}: ${shares.map(([name, time]) => `${name} ${((100 * time) / all).toFixed(0)} %`).join(', ')}`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
