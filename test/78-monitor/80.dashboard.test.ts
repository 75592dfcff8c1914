import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { needsTerminal, Terminal } from './terminal.js';
import type { TerminalOptions } from './terminal.js';

const PROGRAM = fileURLToPath(new URL('dashboard-program.js', import.meta.url));
const KEYS = 'q quit  p pause  l log';

/** The terminal has 80 by 24 characters unless a test says otherwise. */
describe('the dashboard on a terminal', function () {
  let folder: string;
  let terminal: Terminal;

  before(function () {
    needsTerminal(this);
  });
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'virnucpro-dashboard-'))));
  afterEach(() => {
    terminal.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Starts the made-up run and waits until it is on the screen. */
  async function start(behaviour: string, devices = 2, options: Partial<TerminalOptions> = {}): Promise<string> {
    terminal = await Terminal.open({ columns: 80, rows: 24, ...options });
    terminal.run(process.execPath, PROGRAM, join(folder, 'pid'), String(devices), behaviour);
    return terminal.shows('frames/s');
  }

  function kill(signal: NodeJS.Signals): void {
    process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), signal);
  }

  /** Checks that the shell has its terminal back as before. @returns the screen, and the exit code of the program */
  async function restored(): Promise<{ screen: string; code: number }> {
    const screen = await terminal.showsPrompt();
    assert.deepEqual(terminal.state(), { secondScreen: false, cursor: true });
    terminal.type('echo code: $?');
    const [, code] = /^code: (\d+)$/m.exec(await terminal.shows(/^code: \d+$/m))!;
    assert.deepEqual(await terminal.settings('isig', 'icanon', 'echo'), ['isig', 'icanon', 'echo']);
    return { screen, code: Number(code) };
  }

  it('shows the run and its devices on a screen of its own, without a cursor', async () => {
    const screen = await start('polite');
    assert.deepEqual(terminal.state(), { secondScreen: true, cursor: false });
    const lines = screen.split('\n');
    assert.match(lines[0]!, /^a made-up run +0:\d\d$/);
    assert.match(lines[1]!, /^█+[▏▎▍▌▋▊▉]?░+ +50\.0 %/);
    assert.match(lines[4]!, /^cuda:0 NVIDIA H200 +20\.0\/80\.0 GiB +peak 14\.2 GiB/);
    assert.match(lines[7]!, /^ {2}[█▏▎▍▌▋▊▉]+░+ +12\.5 % .* ESM-2 40 % /);
    assert.match(lines[8]!, /^Log +─+$/);
    assert.ok(lines[23]!.startsWith(KEYS));
    await terminal.shows('the run has begun');
  });

  it('goes on by itself', async () => {
    const framesOf = (screen: string): number => Number(/^(\d+) of \d+ frames/m.exec(screen)![1]);
    const before = framesOf(await start('polite'));
    await terminal.shows((screen) => framesOf(screen) > before);
  });

  it('ends with a summary after q', async () => {
    await start('polite');
    terminal.press('q');
    const { screen, code } = await restored();
    assert.match(screen, /^the summary\nof two lines\nafter the dashboard$/m);
    assert.doesNotMatch(screen, /frames\/s/);
    assert.equal(code, 0);
  });

  it('leaves the latest warnings on the screen before the summary', async () => {
    await start('warned');
    terminal.press('q');
    const { screen } = await restored();
    assert.match(screen, /^\(2 earlier lines are in the log file\)\nwarning 3\n[^]*warning 12\nthe summary\n/m);
    assert.doesNotMatch(screen, /the run has begun/);
  });

  it('ends in the same way after the first Ctrl-C', async () => {
    await start('polite');
    terminal.press('C-c');
    assert.match((await restored()).screen, /^the summary$/m);
  });

  it('pauses and goes on with p', async () => {
    await start('polite');
    terminal.press('p');
    await terminal.shows(/PAUSED[^]*paused\n[^]*p resume/);
    terminal.press('p');
    await terminal.shows(/resumed\n[^]*p pause/);
    assert.doesNotMatch(terminal.lines()[1]!, /PAUSED/);
  });

  it('gives the log the whole screen with l, and takes it back', async () => {
    await start('polite');
    terminal.press('l');
    assert.match(await terminal.shows('l overview'), /^Log +─+\nthe run has begun\n/);
    terminal.press('l');
    await terminal.shows(/^a made-up run/);
  });

  for (const behaviour of ['deaf', 'listening']) {
    it(`kills a run that is ${behaviour} with the second Ctrl-C, and says how far it was`, async () => {
      await start(behaviour);
      terminal.press('C-c');
      await terminal.shows(/(asked to quit|told by SIGINT)\n[^]*^Stopping after the running batches/m);
      assert.ok(terminal.state().secondScreen);
      terminal.press('C-c');
      const { screen, code } = await restored();
      assert.match(screen, /^a made-up run: 50\.0 % done, \d+ frames, after \d+ s\nthe run has begun\n(asked|told)/m);
      assert.equal(code, 130);
    });
  }

  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [signal, expected] of Object.entries(signals) as [keyof typeof signals, number][]) {
    it(`restores the terminal when ${signal} ends it`, async () => {
      await start('deaf');
      kill(signal);
      const { screen, code } = await restored();
      assert.match(screen, /^a made-up run: 50\.0 % done/m);
      assert.equal(code, expected);
    });
  }

  it('leaves a signal to whoever listens, once', async () => {
    await start('listening');
    kill('SIGINT');
    await terminal.shows('told by SIGINT');
    assert.ok(terminal.state().secondScreen);
    kill('SIGINT');
    assert.equal((await restored()).code, 130);
  });

  const ends: Record<string, [words: RegExp, code: number]> = {
    throws: [/^a made-up run: [^]*Error: made to fail\n/m, 1],
    rejects: [/^a made-up run: [^]*Error: made to reject\n/m, 1],
    exits: [/^a made-up run: 50\.0 % done/m, 3],
  };
  for (const [behaviour, [words, expected]] of Object.entries(ends)) {
    it(`restores the terminal when the run ${behaviour}`, async () => {
      await start(behaviour, 2, { rows: 50 });
      terminal.press('q');
      const { screen, code } = await restored();
      assert.match(screen, words);
      assert.equal(code, expected);
    });
  }

  for (const [behaviour, when] of [
    ['broken', 'after a key'],
    ['breaking', 'in its turn'],
  ] as const) {
    it(`gives up when it cannot be drawn ${when}, and the run goes on`, async () => {
      await start(behaviour);
      terminal.press('p');
      await terminal.shows(/^the run continues without the dashboard: made to break\nat work\nat work$/m);
      assert.deepEqual(terminal.state(), { secondScreen: false, cursor: true });
      terminal.press('C-c');
      assert.equal((await restored()).code, 130);
    });
  }

  it('takes in what others write to the terminal, and passes no codes on', async () => {
    await start('noisy');
    const log = ['from console.log', 'from console.error', 'in two parts', 'Warning: from Node itself'];
    for (const line of [...log, '>contig?[2J?[31m with codes, 病毒 and é|']) {
      await terminal.shows((screen) => screen.split('\n').includes(line));
    }
    assert.ok(terminal.lines()[23]!.startsWith(KEYS));
  });

  it('follows the size of the terminal', async () => {
    await start('polite', 8);
    terminal.resize(40, 10);
    await terminal.shows((screen) => screen.split('\n').length === 10 && screen.endsWith(KEYS));
    assert.match(terminal.lines()[0]!, /^a made-up run +0:\d\d$/);
    assert.match(terminal.lines()[3]!, /^device +run +batch +frames\/s$/);
    assert.match(terminal.lines()[4]!, /^cuda:0 [█▏▎▍▌▋▊▉]+░+ +ESM-2 40 % /);
    terminal.resize(20, 5);
    await terminal.shows(/^50\.0 % [^]*\nq quit {2}p pause$/);
    terminal.resize(120, 40);
    await terminal.shows((screen) => screen.split('\n').length === 40 && screen.includes('cuda:7 NVIDIA H200'));
    terminal.press('q');
    assert.match((await restored()).screen, /^the summary$/m);
  });

  it('gives the terminal to the shell with Ctrl-Z, and comes back with fg', async () => {
    await start('polite');
    terminal.press('C-z');
    await terminal.shows('Stopped');
    assert.deepEqual(terminal.state(), { secondScreen: false, cursor: true });
    terminal.type('fg');
    assert.match(await terminal.shows('frames/s'), /^a made-up run[^]*^q quit/m);
    assert.deepEqual(terminal.state(), { secondScreen: true, cursor: false });
    terminal.press('q');
    assert.match((await restored()).screen, /^the summary$/m);
  });

  it('runs on in the background with bg, without the terminal', async () => {
    await start('deaf');
    terminal.press('C-z');
    await terminal.shows('Stopped');
    terminal.type('bg; sleep 1.5; jobs');
    await terminal.shows('Running');
    assert.deepEqual(terminal.state(), { secondScreen: false, cursor: true });
    terminal.type('fg');
    await terminal.shows('frames/s');
    terminal.press('C-c', 'C-c');
    assert.equal((await restored()).code, 130);
  });

  it('comes back after a stop that it could not notice', async () => {
    await start('polite');
    kill('SIGSTOP');
    await terminal.shows('Stopped');
    terminal.type('fg');
    await terminal.shows((screen) => /^a made-up run +0:/.test(screen) && !screen.includes('Stopped'));
    assert.deepEqual(terminal.state(), { secondScreen: true, cursor: false });
    terminal.press('q');
    assert.match((await restored()).screen, /^the summary$/m);
  });

  it('has no keys where standard input is none, and ends by Ctrl-C all the same', async () => {
    terminal = await Terminal.open({ columns: 80, rows: 24 });
    const command = [process.execPath, PROGRAM, join(folder, 'pid'), '1', 'deaf'].map((word) => `'${word}'`).join(' ');
    terminal.type(`sleep 1000 | ${command}`);
    await terminal.shows('No keys: standard input is in use');
    terminal.press('C-c');
    assert.match((await restored()).screen, /^a made-up run: 50\.0 % done/m);
  });

  it('is ASCII where the locale is', async () => {
    const screen = await start('noisy', 2, { env: { LC_ALL: 'C' } });
    assert.match(screen, /^[ -~\n]*$/);
    assert.match(screen, /^#+-+ +50\.0 %/m);
    await terminal.shows('with codes, ?? and ?|');
  });

  it('has colours, unless NO_COLOR is set', async () => {
    await start('polite');
    assert.ok(terminal.coloured().includes('\x1b[32m█'));
    terminal.close();
    await start('polite', 2, { env: { NO_COLOR: '1' } });
    assert.ok(!terminal.coloured().includes('\x1b'));
  });

  for (const TERM of ['linux', 'xterm-256color', 'unheard-of']) {
    it(`is drawn and taken away where the terminal is called ${TERM}`, async () => {
      await start('polite', 2, { env: { TERM } });
      assert.ok(terminal.lines()[23]!.startsWith(KEYS));
      terminal.press('q');
      assert.match((await restored()).screen, /^the summary$/m);
    });
  }
});
