import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkFiles } from '../../lib/output/finished-run.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import { containerCommand } from '../70-output/namespaces.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';

const ARGS = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--esm-batch-size', '600', '--resume'];
/** More than is read from a pipe at once; without the letter T, neither strand has a stop codon. */
const RECORDS = 300;
const RECORD = `>record\n${'ACGGCA'.repeat(80)}\n`;

/** A run that reads from a pipe, so that it lasts as long as the test wants. */
class PipedRun {
  errors = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], environment: NodeJS.ProcessEnv) {
    const child = spawn(args[0]!, args.slice(1), { env: { ...process.env, ...environment } });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    child.stdin.on('error', () => undefined);
    child.stdout.resume();
    this.ended = once(child, 'close').then(([code]) => code as number | null);
  }

  feed(text: string): void {
    this.#child.stdin!.write(text);
  }

  close(): void {
    this.#child.stdin!.end();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

describe('virnucpro predict, one folder', () => {
  let installed: InstalledModel;
  let folder: string;
  const runs: PipedRun[] = [];
  const out = (...names: string[]): string => join(folder, 'out', ...names);

  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-folder-'));
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) {
      run.kill();
      await run.ended;
    }
    rmSync(folder, { recursive: true });
  });

  function begin(input = '-', wrapper: readonly string[] = []): PipedRun {
    const command = [process.execPath, join(repositoryRoot, 'bin', 'virnucpro.js'), 'predict', input, '-o', out()];
    const run = new PipedRun([...wrapper, ...command, ...ARGS], { VIRNUCPRO_MODELS: installed.models });
    runs.push(run);
    return run;
  }

  /** Waits until a run has something in its journal. */
  async function journaled(run: PipedRun): Promise<void> {
    run.feed(RECORD.repeat(RECORDS));
    const bytes = (): number => statSync(out('.journal'), { throwIfNoEntry: false })?.size ?? 0;
    const isOver = run.ended.then(() => true);
    while (bytes() < 2_000) {
      const look = new Promise<false>((resolve) => setTimeout(resolve, 10, false));
      assert.equal(await Promise.race([isOver, look]), false, run.errors);
    }
  }

  it('keeps a second container out, though both are process 1 on one host, and is whole', async function () {
    const container = containerCommand() ?? skip(this, 'unshare may not make namespaces here');
    const first = begin('-', container);
    await journaled(first);
    writeFileSync(join(folder, 'other.fa'), RECORD);
    const second = begin(join(folder, 'other.fa'), container);
    second.close();
    assert.equal(await second.ended, 1, second.errors);
    assert.match(second.errors, /checking whether .* of process 1 on .* is still alive/);
    assert.match(second.errors, /Another run writes to .* process 1 on .* Wait for that run/);
    first.close();
    assert.equal(await first.ended, 0, first.errors);
    const manifest = JSON.parse(readFileSync(out('run.json'), 'utf8')) as RunManifest;
    assert.equal(manifest.counts.records, RECORDS);
    await checkFiles(out(), manifest.files);
  });

  for (const [what, name, reason] of [
    ['its folder', /^\.unfinished-/, /The folder of this run in .*out was removed or taken over/],
    ['its journal', /^\.journal$/, /The journal .* was removed or replaced/],
  ] as const) {
    it(`stops when a clean-up removes ${what}, while its input pauses`, async () => {
      const run = begin();
      await journaled(run);
      const found = readdirSync(out()).find((one) => name.test(one))!;
      rmSync(out(found), { recursive: true });
      assert.equal(await run.ended, 1);
      assert.match(run.errors, new RegExp(`virnucpro: ${reason.source}`));
      assert.doesNotMatch(run.errors, /ENOENT|internal error/);
      assert.ok(!existsSync(out('run.json')) && !existsSync(out('windows.tsv')));
    });
  }
});
