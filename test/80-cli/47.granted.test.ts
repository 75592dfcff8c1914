import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { totalmem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import type { Cgroup, CgroupScript } from './cgroup-script.js';

const MIB = 2 ** 20;
const MEMORY = 900 * MIB;
const GRANT = /granted to this process: 1 of \d+ cores \(cgroup\), 0\.9 of \d+\.\d GiB of memory \(cgroup\)/;

describe('virnucpro in a cgroup', () => {
  let installed: InstalledModel;
  let folder: string;
  let cgroup: Cgroup | undefined;

  before(async function () {
    const script = pathToFileURL(join(repositoryRoot, 'scripts', 'chaos', 'cgroup.mjs')).href;
    const made = ((await import(script)) as CgroupScript).Cgroup.make({ memory: MEMORY, cpus: 0.9 });
    if (typeof made === 'string') skip(this, made);
    cgroup = made;
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-cgroup-'));
    installed = await installGoldenModel();
  });
  after(() => {
    if (!cgroup) return;
    cgroup.remove();
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  async function virnucpro(...args: string[]) {
    const command = [process.execPath, join(repositoryRoot, 'bin', 'virnucpro.js'), ...args];
    const env = { ...process.env, VIRNUCPRO_MODELS: installed.models };
    return await promisify(execFile)('sh', ['-c', `${cgroup!.entering} && exec "$@"`, 'sh', ...command], { env });
  }

  it('lists the CPU with the memory of the cgroup', async () => {
    const { stdout } = await virnucpro('devices', '--json');
    const [cpu] = (JSON.parse(stdout) as { devices: { memoryTotal: number; memoryFree: number; notes: string[] }[] })
      .devices;
    assert.equal(cpu?.memoryTotal, MEMORY);
    assert.ok(cpu.memoryFree > 0 && cpu.memoryFree < MEMORY && MEMORY < totalmem());
    assert.match(cpu.notes.join(), GRANT);
  });

  it('has a doctor who says so', async () => {
    const { stdout } = await virnucpro('doctor').catch((ended: unknown) => ended as { stdout: string });
    assert.match(stdout, /cpu: .* of 0\.9 GiB free/);
    assert.match(stdout, GRANT);
  });

  it('predicts with as many threads as it has CPUs, says so first, and warns of the memory of the cgroup', async () => {
    const output = join(folder, 'out');
    const input = join(repositoryRoot, 'examples', 'contigs.fa');
    const args = ['--model', installed.model.name, '-o', output, '--device', 'cpu', '--memory-warning', '0.01'];
    const { stderr } = await virnucpro('predict', input, ...args);
    assert.match(stderr.split('\n')[0]!, GRANT);
    assert.match(stderr, /cpu: .*, 1 thread, .* of 0\.9 GiB free/);
    assert.match(stderr, /of its memory is in use \(\d\.\d of 0\.9 GiB\)/);
    const run = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as {
      devices: { threads: number; memoryTotalBytes: number }[];
    };
    assert.deepEqual(
      run.devices.map(({ threads, memoryTotalBytes }) => ({ threads, memoryTotalBytes })),
      [{ threads: 1, memoryTotalBytes: MEMORY }],
    );
  });
});
