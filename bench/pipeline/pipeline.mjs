// @ts-check
/** Compares `virnucpro predict` with the classic way in Python: `node bench/pipeline/pipeline.mjs --help`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pinned } from '../compare/competitors.mjs';
import { describeMachine } from '../compare/machine.mjs';
import { measuredQuietly } from '../other-load.mjs';
import { pythonEnvironment } from '../python/environment.mjs';
import { randomModel } from '../random-model.mjs';
import { today, writeResults } from '../write-results.mjs';
import { agreementOf, disagreement } from './agreement.mjs';
import { readOptions, usage } from './options.mjs';
import { programs } from './programs.mjs';
import { markdownOf, rowsOf } from './report.mjs';

const WINDOW = 500;

/** @param {import('./options.mjs').Options} options @param {string} folder for input and results */
async function measure(options, folder) {
  const { esm, dna, seed, threads, reference, rounds, out } = options;
  const python = await pythonEnvironment((text) => console.error(text));
  const models = await randomModel({ esm, dna, seed });
  const fasta = join(folder, 'input.fa');
  const texts = options.fasta.map((file) => readFileSync(file, 'latin1').trimEnd());
  writeFileSync(fasta, `${texts.join('\n')}\n`, 'latin1');
  const place = { fasta, models, window: WINDOW, python, threads, reference };
  const entries = programs(place).map((program, index) => ({
    ...{ name: program.name, precision: program.precision, output: join(folder, `results-${index}`) },
    ...{ program, rounds: /** @type {(import('./programs.mjs').Round & { othersCores: number })[]} */ ([]) },
  }));

  for (let round = 0; round < rounds; round++) {
    // Back and forth, so that a machine that becomes slower or faster does so for all.
    for (const entry of round % 2 === 0 ? entries : [...entries].reverse()) {
      const { result, othersCores } = await measuredQuietly(() => {
        rmSync(entry.output, { recursive: true, force: true });
        return entry.program.run(entry.output);
      });
      entry.rounds.push({ ...result, othersCores });
      const { wall, work } = entry.rounds.at(-1) ?? { wall: NaN, work: NaN };
      const seconds = `${wall.toFixed(1)} s, ${work.toFixed(1)} s without start-up`;
      console.error(`round ${round + 1} of ${rounds}, ${entry.name}, ${entry.precision}: ${seconds}`);
    }
  }

  const [classic, ...others] = entries;
  if (!classic) throw new Error('Expected a program');
  const judged = others.map((entry) => ({ ...entry, agreement: agreementOf(classic.output, entry.output) }));
  for (const { name, precision, agreement } of judged) {
    const fault = disagreement(agreement, precision);
    if (fault === undefined) continue;
    console.error(`${name}, ${precision}: ${fault}`);
    process.exitCode = 1;
  }
  const { windows, frames, tokens } = classic.rounds[0]?.counts ?? { windows: 0, frames: 0, tokens: 0 };
  const names = options.fasta.map((file) => basename(file)).join(' and ');
  const code = reference === undefined ? "the archive's TorchScript" : 'its published code';
  const report = {
    date: today(),
    subject: `${esm} and ${dna}, random weights, the same for all`,
    input: `${names}: ${windows} windows, ${frames} frames, ${tokens} tokens, ${threads} threads`,
    machine: {
      ...describeMachine(),
      ...{ PyTorch: pinned('torch'), 'fair-esm': pinned('fair-esm'), 'DNA model in Python': code },
    },
    rows: rowsOf([classic, ...judged]),
  };
  console.log(markdownOf(report));
  await writeResults(out, `${report.date}-pipeline`, report, markdownOf(report));
}

const options = readOptions(process.argv.slice(2));
if (options.help || options.fasta.length === 0) {
  (options.help ? console.log : console.error)(usage);
  if (!options.help) process.exitCode = 1;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-pipeline-'));
  try {
    await measure(options, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
