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
    for (const device of ['cuda:0', 'cuda:1', 'cuda:2']) {
      assert.match(screen, new RegExp(`^${device} Fake GPU `, 'm'));
    }
    assert.match(screen, /^ {2}[█▏▎▍▌▋▊▉░]+ .* frames\/s .* tokens\/s .*GiB$/m);
    await terminal.shows(/(DNABERT-S[^]*ESM-2)|(ESM-2[^]*DNABERT-S)/);
    // The third has more memory than the others, and says so.
    assert.match(screen, /of 48\.0 GiB|48\.0 GiB/);
    terminal.press('q');
    await terminal.showsPrompt();
    assert.match(terminal.lines().join('\n'), /stopped by SIGINT|records/);
  });
});

/** What differs from the environment that a terminal has anyway. */
function changed(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name, value]) => process.env[name] !== value));
}
