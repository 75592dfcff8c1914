import assert from 'node:assert/strict';
import { join } from 'node:path';
import { needsTerminal, Terminal } from '../78-monitor/terminal.js';
import { repositoryRoot } from '../repository.js';
import { SimulatedRuns, SMALL_BATCHES } from '../simulated-gpu/simulated-runs.js';

const PROGRAM = join(repositoryRoot, 'bin', 'virnucpro.js');
/** Enough to be seen while they are computed. */
const RECORDS = 300;

describe('the dashboard on simulated GPUs', () => {
  let runs: SimulatedRuns | undefined;
  let terminal: Terminal | undefined;
  before(async function () {
    needsTerminal(this);
    runs = await SimulatedRuns.open(this);
  });
  afterEach(() => terminal?.close());
  after(() => runs?.remove());

  it('has a bar, the stage and the memory of each GPU, and shows both stages', async () => {
    const input = runs!.input(RECORDS);
    const machine = { gpus: [{ delay: 200 }, { delay: 300 }, { delay: 400, memory: 48 }] };
    const env = { ...changed(runs!.gpus.environment(machine)), VIRNUCPRO_MODELS: runs!.models };
    terminal = await Terminal.open({ columns: 120, rows: 30, env });
    terminal.type(`cd '${runs!.folder}'`);
    terminal.run(process.execPath, PROGRAM, 'predict', input, '-o', 'output', ...SMALL_BATCHES);
    const screen = await terminal.shows(/^[1-9]\d* of \d+ frames/m);
    for (const [device, memory] of Object.entries({ 'cuda:0': '16.0', 'cuda:1': '16.0', 'cuda:2': '48.0' })) {
      assert.match(screen, new RegExp(`^${device} Fake GPU .* \\d+\\.\\d/${memory} GiB +peak .* util `, 'm'));
    }
    const bars = screen.match(/^ {2}\S+ +[\d.]+ % of the run .* % busy .* frames\/s .* tokens\/s$/gm);
    assert.equal(bars?.length, 3, screen);
    await terminal.shows(/DNABERT-S \d+ %/);
    await terminal.shows(/ESM-2 \d+ %/);
    const before = fractionsOf(screen);
    await terminal.shows((later) => fractionsOf(later).every((fraction, index) => fraction > before[index]!));
    terminal.press('q');
    await terminal.showsPrompt();
    assert.match(terminal.lines().join('\n'), /stopped by SIGINT|records/);
  });
});

/** The percentage of the run that each device has done. */
function fractionsOf(screen: string): number[] {
  return [...screen.matchAll(/([\d.]+) % of the run/g)].map(([, fraction]) => Number(fraction));
}

/** The variables that a terminal does not have anyway. */
function changed(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name, value]) => process.env[name] !== value));
}
