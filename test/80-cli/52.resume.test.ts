import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { BATCH_RECORD, HEAD_BYTES, walkRecords } from '../../lib/journal/journal-format.js';
import type { FoundRecord } from '../../lib/journal/journal-format.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';
import type { Ended, RunOptions } from './command-line.js';

const RECORDS = 80;
const ARGS = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--esm-batch-size', '600'];
type Watch = NonNullable<RunOptions['watch']>;

const OF_THE_RUN = ['run.json', 'run.log'];

/** Records without the letter T: neither strand has a stop codon, so all six frames of every window are scored. */
function records(count: number): string {
  const next = seededNumbers(count);
  const letters = (): string => Array.from({ length: 500 }, () => 'ACG'[(next() >>> 8) % 3]).join('');
  return Array.from({ length: count }, (_, index) => `>record_${index}\n${letters()}\n`).join('');
}

/** Acts on a run once its journal has this many bytes. */
function onceJournaled(output: string, bytes: number, act: (child: ChildProcess) => void): Watch {
  let timer: NodeJS.Timeout | undefined;
  return (_errors, child) => {
    if (timer) return;
    child.stdin?.end();
    const look = (): void => {
      if (journalBytes(output) < bytes) return;
      clearInterval(timer);
      act(child);
    };
    timer = setInterval(look, 2);
    child.on('close', () => clearInterval(timer));
  };
}

const journalBytes = (output: string): number =>
  statSync(join(output, '.journal'), { throwIfNoEntry: false })?.size ?? 0;

async function journaled(output: string): Promise<{ batches: FoundRecord[]; frames: number }> {
  const file = await open(join(output, '.journal'));
  const byNumber = new Map<number, FoundRecord>();
  await walkRecords(file, (record) => {
    if (record.kind === BATCH_RECORD) byNumber.set(record.batch, record);
    return undefined;
  });
  await file.close();
  const batches = [...byNumber.values()];
  return { batches, frames: framesOf(batches) };
}

const framesOf = (batches: readonly FoundRecord[]): number => batches.reduce((sum, { frames }) => sum + frames, 0);

function results(output: string): Record<string, string> {
  const names = readdirSync(output).filter((name) => !OF_THE_RUN.includes(name));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(output, name), 'latin1')]));
}

const manifest = (output: string): RunManifest =>
  JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as RunManifest;

function flipBit(path: string, position: number): void {
  const bytes = readFileSync(path);
  bytes[position]! ^= 4;
  writeFileSync(path, bytes);
}

describe('virnucpro predict --resume', () => {
  let installed: InstalledModel;
  let folder: string;
  let input: string;
  let undisturbed: string;
  /** Killed midway; to be copied. */
  let killed: string;
  /** Of a complete run. */
  const JOURNAL_BYTES = (RECORDS * 6 * (2 * HEAD_BYTES + 8)) / 3;

  const predict = (output: string, more: readonly string[] = [], options: RunOptions = {}): Promise<Ended> =>
    virnucpro(['predict', input, '-o', output, ...ARGS, ...more], { models: installed.models, ...options });
  const killedAt = (output: string, fraction: number, more: readonly string[] = []): Promise<Ended> =>
    predict(output, more, {
      watch: onceJournaled(output, fraction * JOURNAL_BYTES, (child) => child.kill('SIGKILL')),
    });

  /** A copy of the run that was killed. */
  function copyOfKilled(name: string): string {
    const output = join(folder, name);
    cpSync(killed, output, { recursive: true });
    return output;
  }

  async function resumes(output: string, frames: number, more: readonly string[] = []): Promise<void> {
    const { end, errors } = await predict(output, ['--resume', ...more]);
    assert.equal(end, 0, errors);
    assert.deepEqual(results(output), results(undisturbed));
    assert.equal(manifest(output).outcome, 'complete');
    assert.equal(manifest(output).framesFromJournal, frames, 'what is in the journal is not computed again');
  }

  before(async () => {
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-resume-'));
    input = join(folder, 'many.fa');
    writeFileSync(input, records(RECORDS));
    [undisturbed, killed] = [join(folder, 'undisturbed'), join(folder, 'killed')];
    const { end, errors } = await predict(undisturbed);
    assert.equal(end, 0, errors);
    assert.equal((await killedAt(killed, 0.4)).end, 'SIGKILL');
    const { frames } = await journaled(killed);
    assert.ok(frames > 0 && frames < RECORDS * 6, `${frames} frames are in the journal`);
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  it('goes on after several kills, one of them while it goes on', async () => {
    const output = join(folder, 'several');
    // The first time there is nothing to resume: a requeued job always runs the same command.
    for (const fraction of [0.1, 0.3, 0.5]) {
      assert.equal((await killedAt(output, fraction, ['--resume'])).end, 'SIGKILL');
      assert.ok(!existsSync(join(output, 'run.json')));
    }
    await resumes(output, (await journaled(output)).frames);
    const before = readFileSync(join(output, 'run.json'), 'utf8');
    const { end, errors } = await predict(output, ['--resume']);
    assert.equal(end, 0, errors);
    assert.equal(readFileSync(join(output, 'run.json'), 'utf8'), before, 'a complete run is left alone');
  });

  for (const [what, damage] of [
    ['cut short', (path: string) => truncateSync(path, Math.floor(statSync(path).size / 2))],
    ['changed in a letter', (path: string) => flipBit(path, 1000)],
    ['gone', (path: string) => rmSync(path)],
  ] as const) {
    it(`computes a complete run again of which a file is ${what}, and says so`, async () => {
      const output = join(folder, `complete-${what.replaceAll(' ', '-')}`);
      cpSync(undisturbed, output, { recursive: true });
      damage(join(output, 'windows.tsv'));
      const { end, errors } = await predict(output, ['--resume']);
      assert.equal(end, 0, errors);
      assert.match(
        errors,
        /WARN: the results in .* computed again: .*windows\.tsv (has|does not exist) .* but run\.json says /,
      );
      assert.deepEqual(results(output), results(undisturbed));
      const again = await predict(output, ['--resume']);
      assert.match(again.errors, /complete results of this run: nothing to do/);
    });
  }

  it('goes on with one worker where two were killed, whose batches come back in any order', async () => {
    const output = join(folder, 'workers');
    // One thread for each, as for the single worker.
    const two = ['--workers', '2', '--threads', '2'];
    assert.equal((await killedAt(output, 0.4, two)).end, 'SIGKILL');
    await resumes(output, (await journaled(output)).frames);
  });

  it('goes on with compressed input, for what is read is the same', async () => {
    const output = copyOfKilled('gzip');
    const packed = join(folder, 'many.fa.gz');
    writeFileSync(packed, gzipSync(readFileSync(input)));
    const args = ['predict', packed, '-o', output, ...ARGS, '--resume'];
    await succeeds(args, { models: installed.models });
    // Equal except for the name of the input in contigs.tsv.
    const found = Object.entries(results(output)).map(([name, text]) => [name, text.replaceAll(packed, input)]);
    assert.deepEqual(Object.fromEntries(found), results(undisturbed));
  });

  it('goes on with a pipe, with embeddings and intermediate files', async () => {
    const more = ['--save-embeddings', '--keep-intermediate'];
    const args = (output: string): string[] => ['predict', '-', '-o', join(folder, output), ...ARGS, ...more];
    const options = { models: installed.models, input: readFileSync(input) };
    await succeeds(args('whole-pipe'), options);
    const bytes = statSync(join(folder, 'whole-pipe', 'embeddings.f32')).size / 2;
    const watch = onceJournaled(join(folder, 'pipe'), bytes, (child) => child.kill('SIGKILL'));
    const { end, errors } = await virnucpro(args('pipe'), { ...options, watch });
    assert.equal(end, 'SIGKILL', errors);
    const { frames } = await journaled(join(folder, 'pipe'));
    assert.ok(frames > 0 && frames < RECORDS * 6, `${frames} frames are in the journal`);
    await succeeds([...args('pipe'), '--resume'], options);
    assert.equal(manifest(join(folder, 'pipe')).framesFromJournal, frames);
    assert.deepEqual(results(join(folder, 'pipe')), results(join(folder, 'whole-pipe')));
    assert.ok(existsSync(join(folder, 'pipe', 'embeddings.f32')));
  });

  it('computes again what is damaged in the journal, and only that', async () => {
    const output = copyOfKilled('damaged');
    const path = join(output, '.journal');
    const { batches } = await journaled(output);
    const [head, payload, last] = [batches[3]!, batches[10]!, batches.at(-1)!];
    flipBit(path, head.start + 21);
    flipBit(path, payload.start + HEAD_BYTES + 5);
    truncateSync(path, last.start + HEAD_BYTES + 3);
    appendFileSync(path, 'rubbish');
    // In the first of the two keys, which come before everything else.
    flipBit(path, HEAD_BYTES + 9);
    await resumes(output, framesOf(batches.filter((batch) => ![head, payload, last].includes(batch))));
  });

  it('begins anew with a journal that nobody can tell the run of', async () => {
    const output = copyOfKilled('no-key');
    const path = join(output, '.journal');
    const { batches } = await journaled(output);
    const first = Math.min(...batches.map(({ start }) => start));
    writeFileSync(path, readFileSync(path).fill(0, 0, first));
    await resumes(output, 0);
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    it(`goes on after ${signal}, which ends with ${code} and leaves what is finished`, async () => {
      const output = join(folder, signal);
      const watch = onceJournaled(output, 0.3 * JOURNAL_BYTES, (child) => child.kill(signal));
      const { end, errors } = await predict(output, [], { watch });
      assert.equal(end, code, errors);
      assert.match(errors, /the same command with --resume continues from there/);
      assert.equal(manifest(output).outcome, 'stopped');
      await resumes(output, (await journaled(output)).frames);
    });
  }

  it('prints its state on SIGUSR2 and goes on', async () => {
    const output = join(folder, 'state');
    const watch = onceJournaled(output, 0.2 * JOURNAL_BYTES, (child) => child.kill('SIGUSR2'));
    const { end, errors } = await predict(output, ['--log-format', 'json'], { watch });
    assert.equal(end, 0, errors);
    assert.match(errors, /"event":"progress"/);
    assert.deepEqual(results(output), results(undisturbed));
  });

  describe('refuses, and loses nothing by it,', () => {
    let output: string;
    let begun: Buffer;
    const journal = (): Buffer => readFileSync(join(output, '.journal'));

    before(() => {
      output = copyOfKilled('refused');
      begun = journal();
    });
    afterEach(() => assert.ok(journal().equals(begun), 'the journal is as it was'));

    const refuses = (message: RegExp, more: readonly string[]): Promise<void> =>
      failsWith(message, ['predict', input, '-o', output, ...ARGS, ...more], { models: installed.models });

    it('a run that is not finished, without being told what to do with it', () =>
      refuses(/holds a run that is not finished\. Resume it with --resume, or start over with --force/, []));

    it('what decides a number, naming what differs', async () => {
      await refuses(/precision fp32, .* precision bf16/, ['--resume', '--precision', 'bf16']);
      const batches = ['--resume', '--esm-batch-size', '601', '--dnabert-batch-size', '77'];
      await refuses(/ESM-2 batch tokens 600, .*ESM-2 batch tokens 601, DNABERT-S batch tokens 77/, batches);
    });

    it('another model', async () => {
      const models = ['--models', join(folder, 'other-models')];
      await succeeds(['models', 'random', '--name', 'other', '--esm', 'esm2_tiny', '--dna', 'dnabert_tiny', ...models]);
      await refuses(/DNABERT-S model [0-9a-f]{12}, ESM-2 model/, ['--resume', ...models]);
    });

    it('another input', async () => {
      const other = join(folder, 'other', 'many.fa');
      mkdirSync(join(folder, 'other'), { recursive: true });
      const text = readFileSync(input, 'latin1');
      writeFileSync(
        other,
        text.replace(/\n[ACG]/, (start) => (start === '\nA' ? '\nC' : '\nA')),
        'latin1',
      );
      const { end, errors } = await virnucpro(['predict', other, '-o', output, ...ARGS, '--resume'], {
        models: installed.models,
      });
      assert.equal(end, 1, errors);
      assert.match(errors, /The input from window 1 of record_0 in .*other\/many\.fa on differs from the input/);
      assert.doesNotMatch(errors, /continues from there|internal error/);
    });
  });

  it('refuses a directory in which a run goes on, which is not disturbed by that', async () => {
    const output = join(folder, 'two');
    let second: Promise<Ended> | undefined;
    const watch = onceJournaled(output, 0.2 * JOURNAL_BYTES, (child) => {
      child.kill('SIGSTOP');
      second = predict(output, ['--resume']).finally(() => child.kill('SIGCONT'));
    });
    const { end, errors } = await predict(output, [], { watch });
    const refused = await second!;
    assert.equal(refused.end, 1);
    assert.match(refused.errors, /Another run writes to .*Wait for that run/);
    assert.equal(end, 0, errors);
    assert.deepEqual(results(output), results(undisturbed));
  });

  it('is not what --force does: that begins anew', async () => {
    const output = copyOfKilled('force');
    const { end, errors } = await predict(output, ['--force']);
    assert.equal(end, 0, errors);
    assert.equal(manifest(output).framesFromJournal, 0);
    assert.deepEqual(results(output), results(undisturbed));
  });
});
