import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { HangingFolder } from '../70-output/hanging-folder.js';
import { fixture, repositoryRoot } from '../repository.js';
import { virnucpro } from './command-line.js';

const INPUT = fixture('golden', 'end_to_end', 'input.fa');
const EXACT = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--log-format', 'json'];
/** Separates what ends from what hangs; no measure of how long it takes. */
const LIMIT = 30_000;

interface Stopped {
  readonly end: number | string;
  readonly errors: string;
}

interface StoppedRun {
  readonly signal: NodeJS.Signals;
  /**
   * When to send the signal: when standard error has this text, or once signals are caught, at the run's first wait.
   */
  readonly at: 'caught' | `"event":"${string}"`;
  readonly standardInput?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Whether the process has a listener for SIGHUP; Node itself has none. */
function catchesSignals(pid: number): boolean {
  const caught = /SigCgt:\s*(\w+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${caught}`) & 1n) === 1n;
}

async function stopped(args: readonly string[], run: StoppedRun): Promise<Stopped> {
  const child = spawn(process.execPath, [join(repositoryRoot, 'bin', 'virnucpro.js'), ...args], {
    stdio: [run.standardInput ?? 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...run.environment },
  });
  let errors = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = new Promise<number | string>((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), 2 * LIMIT);
  const isThere = (): boolean => (run.at === 'caught' ? catchesSignals(child.pid!) : errors.includes(run.at));
  while (child.exitCode === null && !isThere()) await new Promise((resolve) => setTimeout(resolve, 10));
  // Long enough to reach its first wait.
  if (run.at === 'caught') await new Promise((resolve) => setTimeout(resolve, 200));
  child.kill(run.signal);
  const hang = setTimeout(() => child.kill('SIGKILL'), LIMIT);
  const end = await ended;
  clearTimeout(limit);
  clearTimeout(hang);
  return { end, errors };
}

describe('virnucpro, when it is stopped while it waits', () => {
  let installed: InstalledModel;
  let folder: string;
  let pipe: string;
  let environment: Record<string, string>;
  const opened: number[] = [];
  before(async () => {
    installed = await installGoldenModel();
  });
  after(() => installed.remove());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-waiting-'));
    pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    environment = { VIRNUCPRO_MODELS: installed.models };
  });
  afterEach(() => {
    for (const descriptor of opened.splice(0)) closeSync(descriptor);
    rmSync(folder, { recursive: true });
  });

  /** A pipe with an idle writer. */
  function idle(): number {
    opened.push(openSync(pipe, constants.O_RDWR));
    return opened[0]!;
  }

  const predict = (input: string): string[] => ['predict', input, '-o', join(folder, 'new', 'out'), ...EXACT];

  function assertNothingLeft({ errors }: Stopped): void {
    assert.match(errors, /"event":"interrupted","signal":"SIG\w+","output":null/);
    assert.ok(!existsSync(join(folder, 'new')));
  }

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    it(`for the writer of a pipe, ends at ${signal} with ${code}`, async () => {
      const run = await stopped(predict(pipe), { signal, at: '"event":"device"', environment });
      assert.equal(run.end, code, run.errors);
      assertNothingLeft(run);
    });
  }

  for (const [what, input] of [
    ['a pipe whose writer is idle', (): string => pipe],
    ['standard input', (): string => '-'],
    ['standard input by its path', (): string => '/dev/stdin'],
  ] as const) {
    it(`for ${what}, ends`, async () => {
      const standardInput = idle();
      const waiting = { signal: 'SIGINT', at: '"event":"device"', environment, standardInput } as const;
      const run = await stopped(predict(input()), waiting);
      assert.equal(run.end, 130, run.errors);
      assertNothingLeft(run);
    });
  }

  it('for the owner of its directory, ends and leaves the directory as it was', async () => {
    const output = join(folder, 'out');
    const owned = join(output, '.unfinished-0123');
    mkdirSync(owned, { recursive: true });
    writeFileSync(join(owned, 'owner.json'), JSON.stringify({ host: 'elsewhere', pid: 1, token: '0123' }));
    const args = ['predict', INPUT, '-o', output, ...EXACT];
    const run = await stopped(args, { signal: 'SIGTERM', at: '"event":"waiting"', environment });
    assert.equal(run.end, 143, run.errors);
    assert.match(run.errors, /"event":"interrupted","signal":"SIGTERM","output":null/);
    assert.deepEqual(readdirSync(output), ['.unfinished-0123']);
  });

  it('for the loading of a model, ends', async () => {
    const run = await stopped(predict(pipe), { signal: 'SIGINT', at: '"event":"loading"', environment });
    assert.equal(run.end, 130, run.errors);
    assertNothingLeft(run);
  });

  it('for an input that call is given, ends and leaves the results as they were', async () => {
    const output = join(folder, 'out');
    await virnucpro(['predict', INPUT, '-o', output, ...EXACT], { environment });
    const before = readFileSync(join(output, 'run.json'));
    const args = ['call', output, '--threshold', '0', '--min-fraction', '0', '-i', pipe, '--log-format', 'json'];
    const run = await stopped(args, { signal: 'SIGINT', at: 'caught', environment });
    assert.equal(run.end, 130, run.errors);
    assert.ok(readFileSync(join(output, 'run.json')).equals(before));
    assert.deepEqual(
      readdirSync(output).filter((name) => name.startsWith('.unfinished')),
      [],
    );
  });

  describe('for a file system that hangs', () => {
    let real: string;
    let hanging: HangingFolder | undefined;
    before(async function () {
      real = mkdtempSync(join(tmpdir(), 'virnucpro-real-'));
      cpSync(INPUT, join(real, 'input.fa'));
      cpSync(installed.models, join(real, 'models'), { recursive: true });
      const made = await HangingFolder.make(real, `${real}-hanging`);
      if (typeof made === 'string') this.skip();
      else hanging = made;
    });
    afterEach(() => hanging?.wake());
    after(async () => {
      await hanging?.end();
      for (const path of [real, `${real}-hanging`]) rmSync(path, { recursive: true, force: true });
    });

    const stuck = async (args: readonly string[], signal: NodeJS.Signals): Promise<Stopped> => {
      hanging!.hang();
      return stopped(args, { signal, at: 'caught', environment });
    };

    it('with the input, ends', async () => {
      const run = await stuck(predict(join(hanging!.path, 'input.fa')), 'SIGINT');
      assert.equal(run.end, 130, run.errors);
      assertNothingLeft(run);
    });

    it('with the model, ends', async () => {
      environment = { VIRNUCPRO_MODELS: join(hanging!.path, 'models') };
      const run = await stuck(predict(INPUT), 'SIGTERM');
      assert.equal(run.end, 143, run.errors);
      assertNothingLeft(run);
    });

    it('with the output directory, ends', async () => {
      const run = await stuck(['predict', INPUT, '-o', join(hanging!.path, 'out'), ...EXACT], 'SIGHUP');
      assert.equal(run.end, 129, run.errors);
    });

    it('without a loader of its own, ends by the signal', async () => {
      environment['VIRNUCPRO_ADDON'] = join(folder, 'none');
      const run = await stuck(predict(join(hanging!.path, 'input.fa')), 'SIGTERM');
      assert.equal(run.end, 'SIGTERM', run.errors);
    });

    it('with what bench is to embed, ends', async () => {
      const args = ['bench', '--esm', 'tiny', '--fasta', join(hanging!.path, 'input.fa')];
      const run = await stuck(args, 'SIGINT');
      assert.equal(run.end, 130, run.errors);
    });
  });
});
