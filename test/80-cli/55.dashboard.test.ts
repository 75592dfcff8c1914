import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needsTerminal, Terminal } from '../78-monitor/terminal.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import type { RunManifest } from '../../lib/output/manifest.js';
import { repositoryRoot } from '../repository.js';

/** Each has six ORFs. Enough to be seen while they are computed. */
const FEW_RECORDS = 400;
/** Far more than are computed before a key is pressed. */
const MANY_RECORDS = 6000;
const PROGRAM = join(repositoryRoot, 'bin', 'virnucpro.js');

/** Records without the letter T: neither strand has a stop codon, so all six frames of every window are scored. */
function records(count: number): string {
  const next = seededNumbers(1);
  const letters = (): string => Array.from({ length: 500 }, () => 'ACG'[(next() >>> 8) % 3]).join('');
  return Array.from({ length: count }, (_, index) => `>record_${index}\n${letters()}\n`).join('');
}

describe('virnucpro predict, on a terminal', function () {
  let installed: InstalledModel | undefined;
  let folder: string;
  let terminal: Terminal;

  before(async function () {
    needsTerminal(this);
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cli-'));
    writeFileSync(join(folder, 'few.fa'), records(FEW_RECORDS));
    writeFileSync(join(folder, 'many.fa'), records(MANY_RECORDS));
  });
  beforeEach(async () => {
    rmSync(join(folder, 'output'), { recursive: true, force: true });
    terminal = await Terminal.open({ columns: 120, rows: 30, env: { VIRNUCPRO_MODELS: installed!.models } });
  });
  afterEach(() => terminal.close());
  after(() => {
    if (!installed) return;
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  /** Starts a run on two workers and waits until it computes. */
  async function start(input: string): Promise<string> {
    terminal.type(`cd '${folder}'`);
    const work = ['--device', 'cpu', '--workers', '2', '--threads', '1', '--precision', 'fp32'];
    terminal.run(process.execPath, PROGRAM, 'predict', input, '-o', 'output', ...work);
    return terminal.shows(/^[1-9]\d* of \d+ frames/m);
  }

  async function exitCode(): Promise<number> {
    await terminal.showsPrompt();
    assert.deepEqual(terminal.state(), { secondScreen: false, cursor: true });
    terminal.type('echo code: $?');
    return Number(/^code: (\d+)$/m.exec(await terminal.shows(/^code: \d+$/m))![1]);
  }

  function framesOf(screen: string): number {
    return Number(/^(\d+) of \d+ frames/m.exec(screen)?.[1]);
  }

  it('shows the devices at work, and leaves the summary', async () => {
    const screen = await start('few.fa');
    assert.match(screen, /^virnucpro .*, model golden, few\.fa +0:\d\d$/m);
    assert.match(screen, /^[█▏▎▍▌▋▊▉░]+ +\d+\.\d % /m);
    for (const device of ['cpu:0', 'cpu:1'])
      assert.match(screen, new RegExp(`^${device} \\S.* GiB +peak \\d+\\.\\d GiB`, 'm'));
    assert.match(
      screen,
      /^ {2}[█▏▎▍▌▋▊▉░]+ +\d+\.\d % of the run .* busy +((DNABERT-S|ESM-2) \d+ %|idle) .* frames\/s .* tokens\/s$/m,
    );
    assert.match(screen, /^Log/m);
    assert.ok(terminal.state().secondScreen);
    assert.equal(await exitCode(), 0);
    const left = terminal.lines().join('\n');
    assert.match(left, /cpu:0: \d+ frames in \d+ batch[^]*cpu:1: \d+ frames in /);
    assert.ok(left.includes(`${FEW_RECORDS} records: `), left);
    const log = readFileSync(join(folder, 'output', 'run.log'), 'utf8');
    for (const text of ['loading model golden', 'FP32 enabled', 'results in output'])
      assert.ok(log.includes(text), text);
    assert.match(log.split('\n')[0]!, /^\[\d{4}-\d\d-\d\dT/);
  });

  it('stands still in a pause, and goes on', async () => {
    await start('many.fa');
    terminal.press('p');
    await terminal.shows(/PAUSED[^]* idle [^]* idle [^]*p resume/);
    const before = framesOf(await terminal.shows('PAUSED'));
    assert.ok(before > 0 && before < 6 * MANY_RECORDS, String(before));
    terminal.press('p');
    await terminal.shows((screen) => framesOf(screen) > before && !screen.includes('PAUSED'));
    terminal.press('q');
    assert.equal(await exitCode(), 130);
  });

  it('stops politely with q, and keeps what was finished', async () => {
    await start('many.fa');
    terminal.press('q');
    assert.equal(await exitCode(), 130);
    assert.match(terminal.lines().join(''), /stopped by SIGINT: what was finished is in output/);
    assert.ok(existsSync(join(folder, 'output', 'run.json')));
  });

  it('keeps what was finished when the terminal is closed', async () => {
    const code = join(folder, 'code');
    terminal.type(`cd '${folder}'`);
    const args = `'${process.execPath}' '${PROGRAM}' predict many.fa -o output --device cpu --precision fp32`;
    // A shell that outlives the terminal reports how the program ended.
    terminal.type(`(trap : HUP; ${args}; echo $? > part; mv part code)`);
    await terminal.shows(/^[1-9]\d* of \d+ frames/m);
    terminal.close();
    while (!existsSync(code)) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(readFileSync(code, 'utf8'), '129\n');
    const run = JSON.parse(readFileSync(join(folder, 'output', 'run.json'), 'utf8')) as RunManifest;
    assert.equal(run.outcome, 'stopped');
    assert.match(run.warnings.join(), /by SIGHUP/);
  });

  it('stops at once with Ctrl-C twice, the terminal in order', async () => {
    await start('many.fa');
    terminal.press('C-c', 'C-c');
    assert.equal(await exitCode(), 130);
    assert.match(terminal.lines().join('\n'), /^virnucpro .*: \d+\.\d % done, \d+ frames/m);
    assert.deepEqual(await terminal.settings('isig', 'icanon', 'echo'), ['isig', 'icanon', 'echo']);
  });
});
