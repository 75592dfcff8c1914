import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, writeResults } from '../../lib/index.js';
import type { Predictor, RunManifest } from '../../lib/index.js';
import { succeeds } from '../80-cli/command-line.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');

describe('the results of a prediction in a program', () => {
  let installed: InstalledModel;
  let folder: string;
  let predictor: Predictor;
  const path = (...names: string[]): string => join(folder, ...names);

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-results-'));
    const exact = { precision: 'fp32', devices: ['cpu'], threads: 1, proteinBatchTokens: 600 } as const;
    predictor = await open({ model: 'golden', models: installed.models, ...exact });
  });
  after(async () => {
    await predictor.close();
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  it('are the files of the command, byte for byte', async () => {
    const prediction = predictor.predict(INPUT, { threshold: 0.4, sequences: true, embeddings: true });
    const manifest = await writeResults(prediction, path('program'), { commandLine: ['a', 'program'] });
    const options = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--esm-batch-size', '600'];
    const more = ['--threshold', '0.4', '--keep-intermediate', '--save-embeddings', '--no-progress'];
    await succeeds(['predict', INPUT, '-o', path('command'), '-m', 'golden', ...options, ...more], {
      models: installed.models,
    });
    const names = readdirSync(path('command')).filter((name) => name !== 'run.log');
    assert.deepEqual(readdirSync(path('program')).sort(), names.sort());
    for (const name of names.filter((name) => name !== 'run.json')) {
      assert.deepEqual(readFileSync(path('program', name)), readFileSync(path('command', name)), name);
    }
    const written = JSON.parse(readFileSync(path('program', 'run.json'), 'utf8')) as RunManifest;
    const ofCommand = JSON.parse(readFileSync(path('command', 'run.json'), 'utf8')) as RunManifest;
    assert.deepEqual(written, JSON.parse(JSON.stringify(manifest)));
    assert.deepEqual(written.commandLine, ['a', 'program']);
    for (const field of [
      'outcome',
      'model',
      'triage',
      'inputs',
      'parameters',
      'counts',
      'warnings',
      'files',
    ] as const) {
      assert.deepEqual(written[field], ofCommand[field], field);
    }
    assert.ok(written.seconds['load']! > 0 && written.seconds['total']! > 0);
  });

  it('of a run that was stopped are what it had finished', async () => {
    const ended = new AbortController();
    function* records() {
      for (let number = 1; number <= 60; number++) {
        if (number === 40) ended.abort('enough');
        yield { id: `record_${number}`, sequence: 'ATGGCTGCTAAAGGTCTGGCTCCAGAACGTGCT'.repeat(30) };
      }
    }
    const prediction = predictor.predict(records(), { signal: ended.signal });
    const manifest = await writeResults(prediction, path('stopped'));
    assert.equal(manifest.outcome, 'stopped');
    assert.equal(prediction.summary.stopped?.code, 'VNP_ABORTED');
    assert.ok(existsSync(path('stopped', 'contigs.tsv')));
  });

  it('are none where nothing was finished, and the directory is gone', async () => {
    const prediction = predictor.predict(INPUT, { signal: AbortSignal.abort('enough') });
    await assert.rejects(writeResults(prediction, path('none')), (reason) => reason === 'enough');
    assert.ok(!existsSync(path('none')));
  });

  it('do not replace what is there, unless they are told to', async () => {
    mkdirSync(path('full'));
    copyFileSync(INPUT, path('full', 'contigs.fa'));
    await assert.rejects(writeResults(predictor.predict(INPUT), path('full')), {
      code: 'VNP_OUTPUT',
      message: /contigs\.fa/,
    });
    await writeResults(predictor.predict(INPUT), path('full'), { force: true });
    assert.ok(existsSync(path('full', 'contigs.fa')) && existsSync(path('full', 'run.json')));
  });

  it('never replace their own input', async () => {
    mkdirSync(path('own'));
    copyFileSync(INPUT, path('own', 'virus.fna'));
    await assert.rejects(writeResults(predictor.predict(path('own', 'virus.fna')), path('own'), { force: true }), {
      code: 'VNP_USAGE',
    });
    assert.deepEqual(readFileSync(path('own', 'virus.fna')), readFileSync(INPUT));
  });
});
