import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installGoldenModel, type InstalledModel } from '../golden-model.js';
import { fixture, repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';

describe('a run on a terminal', () => {
  let folder: string;
  let installed: InstalledModel;
  before(async function () {
    const { error } = spawnSync('script', ['--version']);
    if (error) skip(this, 'script is missing; install util-linux (on Debian bsdutils)');
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-dumb-'));
    installed = await installGoldenModel();
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
    (installed as InstalledModel | undefined)?.remove();
  });

  /** All bytes that a terminal receives from a run. */
  function bytesOf(name: string, variables: NodeJS.ProcessEnv): string {
    const program = join(repositoryRoot, 'bin', 'virnucpro.js');
    const words = [program, 'predict', fixture('golden', 'end_to_end', 'input.fa'), '-o', join(folder, name)];
    const options = ['--model', 'golden', '--device', 'cpu', '--threads', '1', '--progress-interval', '0.2'];
    // A terminal has no size until it is set.
    const command = ['stty cols 100 rows 30; exec', process.execPath, ...words, ...options].join(' ');
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      LC_ALL: 'C.UTF-8',
      VIRNUCPRO_MODELS: installed.models,
      ...variables,
    };
    if (variables['NO_COLOR'] === undefined) delete env['NO_COLOR'];
    const transcript = join(folder, `${name}.transcript`);
    const { status, stdout } = spawnSync('script', ['-qec', command, transcript], {
      ...{ env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    });
    assert.equal(status, 0, stdout);
    assert.match(stdout, /golden/);
    return stdout;
  }

  it('that can draw has escape sequences: the test would see them', () => {
    assert.ok(bytesOf('xterm', { TERM: 'xterm' }).includes('\x1b['));
  });

  for (const [name, variables] of Object.entries({
    'TERM=dumb': { TERM: 'dumb' },
    'TERM=dumb, as FORCE_COLOR would have colours': { TERM: 'dumb', FORCE_COLOR: '1' },
    'TERM=dumb and NO_COLOR': { TERM: 'dumb', NO_COLOR: '1' },
  })) {
    it(`that can do nothing has plain lines alone: ${name}`, () => {
      const bytes = bytesOf(name.replaceAll(/\W+/g, '-'), variables);
      const lines = bytes.replaceAll('\r\n', '\n');
      for (const control of ['\x1b', '\r', '\b']) assert.ok(!lines.includes(control), lines);
      assert.match(bytes, /^\[\d\d:\d\d:\d\d\] INFO: loading model golden/m);
    });
  }
});
