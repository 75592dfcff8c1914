import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import { failsWith, succeeds, virnucpro } from './command-line.js';
import type { Ended } from './command-line.js';

const ARGS = ['--precision', 'fp32', '--device', 'cpu', '--threads', '1', '--esm-batch-size', '600'];
const MIB = 1024 * 1024;

/** See scripts/chaos/small-disk.mjs. */
interface SmallDisk {
  readonly path: string;
  fill(bytes: number): void;
  free(): void;
  remount(isReadOnly: boolean): Promise<string | undefined>;
  unmount(): Promise<void>;
}
interface SmallDiskScript {
  SmallDisk: { mount(folder: string, bytes: number, inodes?: number): Promise<SmallDisk | string> };
}

const program = join(repositoryRoot, 'bin', 'virnucpro.js');

/** The exit code of a command with other standard streams, or without them. */
function endOf(args: readonly string[], start: (command: string[]) => ChildProcess): Promise<number | string | null> {
  const child = start([program, ...args]);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
}

/** The results without the files about the run itself. */
function results(directory: string): Record<string, string> {
  const names = readdirSync(directory).filter((name) => !['run.json', 'run.log', '.journal'].includes(name));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(directory, name), 'latin1')]));
}

describe('virnucpro predict, on a disk or with streams that fail,', () => {
  let installed: InstalledModel;
  let folder: string;
  let input: string;
  let undisturbed: string;
  let models: string;

  before(async () => {
    installed = await installGoldenModel();
    models = installed.models;
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-disk-'));
    input = join(folder, 'contigs.fa');
    const contig = (index: number): string => `>contig_${index}\n${'ACGGCAGAC'.repeat(60 + index)}\n`;
    writeFileSync(input, Array.from({ length: 40 }, (_, index) => contig(index)).join(''));
    undisturbed = join(folder, 'undisturbed');
    await succeeds(['predict', input, '-o', undisturbed, ...ARGS], { models });
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  const predict = (directory: string, ...more: string[]): Promise<Ended> =>
    virnucpro(['predict', input, '-o', directory, ...ARGS, ...more], { models });

  async function mount(test: Mocha.Context, inodes?: number): Promise<SmallDisk> {
    const script = pathToFileURL(join(repositoryRoot, 'scripts', 'chaos', 'small-disk.mjs')).href;
    const { SmallDisk } = (await import(script)) as SmallDiskScript;
    const mounted = await SmallDisk.mount(folder, 2 * MIB, inodes);
    if (typeof mounted === 'string') skip(test, `no tmpfs can be mounted here: ${mounted}`);
    return mounted;
  }

  it('one without inodes is an error that names them, wherever it comes up, and --resume goes on', async function () {
    const disk = await mount(this, 30);
    const NO_INODE = /ENOSPC: no space left on device.*Remove some files: .* no inode is left .*\(`df -i`\)/;
    try {
      const directory = join(disk.path, 'out');
      const files = Array.from({ length: statfsSync(disk.path).ffree }, (_, i) => join(disk.path, `file-${i}`));
      for (const file of files) writeFileSync(file, '');
      await failsWith(NO_INODE, ['predict', input, '-o', directory, ...ARGS], { models });
      const long = join(folder, 'long.fa');
      writeFileSync(long, `>long\n${'ACGGCAGAC'.repeat(400_000)}\n`);
      const elsewhere = join(folder, 'no-inodes');
      const spooled = await virnucpro(['predict', long, '-o', elsewhere, ...ARGS], {
        ...{ models, environment: { TMPDIR: disk.path } },
      });
      assert.match(spooled.errors, NO_INODE);
      // A few more each time until a run succeeds: by then it has failed at every step.
      const failures = new Set<string>();
      for (;;) {
        for (const file of files.splice(0, 2)) rmSync(file);
        const { end, errors } = await predict(directory, '--resume');
        assert.doesNotMatch(errors, /internal error/);
        if (end === 0) break;
        assert.match(errors, NO_INODE);
        failures.add(/cannot [^\n:]*/.exec(errors)?.[0] ?? errors);
      }
      assert.ok(failures.size >= 2, [...failures].join('\n'));
      assert.deepEqual(results(directory), results(undisturbed));
    } finally {
      await disk.unmount();
    }
  });

  describe('of which some are small disks,', () => {
    let disk: SmallDisk;

    beforeEach(async function () {
      disk = await mount(this);
    });
    afterEach(async () => {
      // Undefined if the test was skipped.
      await (disk as SmallDisk | undefined)?.unmount();
    });

    it('a full one is an error in words; the earlier results stay, and --resume goes on', async () => {
      const directory = join(disk.path, 'out');
      cpSync(undisturbed, directory, { recursive: true });
      const [earlier, manifest] = [results(directory), readFileSync(join(directory, 'run.json'))];
      const { bavail, bsize } = statfsSync(disk.path);
      // Room for the journal, but not for the results.
      disk.fill(bavail * bsize - 48 * 1024);
      const { end, errors } = await predict(directory, '--force', '--threshold', '0.25');
      assert.equal(end, 1, errors);
      assert.match(errors, /ENOSPC: no space left on device, .*Free some space/);
      assert.doesNotMatch(errors, /internal error/);
      assert.deepEqual(results(directory), earlier);
      assert.deepEqual(readFileSync(join(directory, 'run.json')), manifest);
      disk.free();
      const resumed = await predict(directory, '--resume');
      assert.equal(resumed.end, 0, resumed.errors);
      assert.deepEqual(results(directory), results(undisturbed));
      assert.ok(!existsSync(join(directory, '.journal')));
    });

    it('one that nothing may be written to is refused before a model is loaded', async function () {
      mkdirSync(join(disk.path, 'out'));
      const problem = await disk.remount(true);
      if (problem !== undefined) skip(this, `nothing can be mounted read-only here: ${problem}`);
      const args = ['predict', input, '-o', join(disk.path, 'out'), ...ARGS];
      await failsWith(/EROFS: .*Choose a directory on a file system that can be written to/, args, { models });
    });

    it('TMPDIR on one without room for a long record is an error that says so', async () => {
      const long = join(folder, 'long.fa');
      writeFileSync(long, `>long\n${'ACGGCAGAC'.repeat(400_000)}\n`);
      const { end, errors } = await virnucpro(['predict', long, '-o', join(folder, 'long'), ...ARGS], {
        ...{ models, environment: { TMPDIR: disk.path } },
      });
      assert.equal(end, 1, errors);
      assert.match(
        errors,
        /a temporary file for a long sequence in \/proc\/.*ENOSPC.*Free some space, or set TMPDIR to a folder with room/,
      );
      assert.doesNotMatch(errors, /internal error/);
      assert.ok(!existsSync(join(folder, 'long')), 'nothing was done, and nothing is left');
    });
  });

  it('a limit of the size of files is an error that names the file, and --resume goes on without it', async () => {
    const directory = join(folder, 'limited');
    const args = ['predict', input, '-o', directory, ...ARGS];
    const environment = { ...process.env, VIRNUCPRO_MODELS: models };
    let errors = '';
    const end = await endOf(args, (command) => {
      const limited = ['-c', 'ulimit -f 8; exec "$@"', 'bash', process.execPath, ...command];
      const child = spawn('bash', limited, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
      child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
      return child;
    });
    assert.equal(end, 1, errors);
    assert.match(errors, /limited\/[^ ]+ cannot be written: EFBIG: file too large/);
    assert.doesNotMatch(errors, /internal error/);
    const resumed = await predict(directory, '--resume');
    assert.equal(resumed.end, 0, resumed.errors);
    assert.deepEqual(results(directory), results(undisturbed));
  });

  it('standard error that nobody reads any more, or that is full, is no reason to end', async () => {
    const env = { ...process.env, VIRNUCPRO_MODELS: models };
    const args = (name: string): string[] => ['predict', input, '-o', join(folder, name), ...ARGS];
    const ends = [
      await endOf([...args('closed'), '--log-format', 'json'], (command) => {
        const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'ignore', 'pipe'] });
        // Like `head -1`.
        child.stderr.once('data', () => child.stderr.destroy());
        return child;
      }),
    ];
    const full = openSync('/dev/full', 'w');
    ends.push(
      await endOf(args('full'), (command) => spawn(process.execPath, command, { env, stdio: ['ignore', full, full] })),
    );
    closeSync(full);
    assert.deepEqual(ends, [0, 0]);
    for (const name of ['closed', 'full']) assert.deepEqual(results(join(folder, name)), results(undisturbed));
  });

  it('standard output is an error in words where it is full, and none where its reader has seen enough', async () => {
    const env = { ...process.env, VIRNUCPRO_MODELS: models };
    const full = openSync('/dev/full', 'w');
    for (const args of [['models', 'list'], ['--help']]) {
      let errors = '';
      const collect = (child: ChildProcess): ChildProcess => {
        child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
        return child;
      };
      const onFull = await endOf(args, (command) =>
        collect(spawn(process.execPath, command, { env, stdio: ['ignore', full, 'pipe'] })),
      );
      assert.equal(onFull, 1);
      assert.equal(errors, 'virnucpro: Standard output cannot be written: ENOSPC: no space left on device, write\n');
      errors = '';
      const unread = await endOf(args, (command) => {
        const child = collect(spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
        child.stdout?.destroy();
        return child;
      });
      assert.deepEqual([unread, errors], [0, '']);
    }
    closeSync(full);
  });
});
