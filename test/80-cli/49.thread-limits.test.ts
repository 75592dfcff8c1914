import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';
import type { CgroupScript } from './cgroup-script.js';

const THREADS = 4;
const LIMITS = 9;

describe('virnucpro where the system gives few threads', () => {
  let folder: string | undefined;
  let cgroups: CgroupScript['Cgroup'];

  before(async function () {
    const script = pathToFileURL(join(repositoryRoot, 'scripts', 'chaos', 'cgroup.mjs')).href;
    cgroups = ((await import(script)) as CgroupScript).Cgroup;
    const tried = cgroups.make({ threads: LIMITS });
    if (typeof tried === 'string') skip(this, tried);
    tried.remove();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-threads-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  /** The fewest threads with which Node itself starts: its own, and those of libuv's pool. */
  function leastThreads(): number {
    const script = `
      const { promises, readdirSync } = require('node:fs');
      promises.readFile('/dev/null').then(() => console.log(readdirSync('/proc/self/task').length));`;
    return Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
  }

  async function predict(limit: number): Promise<{ end: number | string; errors: string; table: string }> {
    const cgroup = cgroups.make({ threads: limit });
    if (typeof cgroup === 'string') assert.fail(cgroup);
    const output = join(folder!, String(limit));
    const args = [
      join(repositoryRoot, 'bin', 'virnucpro.js'),
      'predict',
      join(repositoryRoot, 'examples', 'contigs.fa'),
    ];
    const options = ['-o', output, '--device', 'cpu', '--threads', String(THREADS), '--models', join(folder!, 'none')];
    const entered = ['-c', `${cgroup.entering} && exec "$@"`, 'sh', process.execPath, ...args, ...options];
    // Without it, asking Python for its torch would need processes too.
    const env = { ...process.env, LIBTORCH: loadAddon().libtorch.root };
    const ended = await new Promise<{ end: number | string; errors: string }>((resolve) => {
      execFile('sh', entered, { env, timeout: 300_000, killSignal: 'SIGKILL' }, (error, _, errors) =>
        resolve({ end: error ? (error.code ?? error.signal ?? 'unknown') : 0, errors }),
      );
    });
    cgroup.remove();
    return { ...ended, table: ended.end === 0 ? readFileSync(join(output, 'windows.tsv'), 'utf8') : '' };
  }

  it('predicts, or refuses before it computes; it never hangs and is never ended by a library', async () => {
    const least = leastThreads();
    const { table } = await predict(10 * least);
    const outcomes: string[] = [];
    for (let limit = least; limit < least + LIMITS; limit++) {
      const { end, errors, table: found } = await predict(limit);
      if (end === 0) {
        assert.equal(found, table);
        outcomes.push('predicted');
        continue;
      }
      assert.equal(end, 1, errors);
      assert.match(
        errors,
        /virnucpro: (The CPU's work needs room for 7 threads \(4 plus the ones OpenMP replaces\), but the system allows this process only \d|The system allows this process no more threads)\. Raise the limit \(`ulimit -u`, pids\.max of its control group, `ulimit -v`\)(, or ask for fewer with --threads)?\n$/,
      );
      outcomes.push('refused');
    }
    assert.ok(outcomes.includes('refused') && outcomes.includes('predicted'), outcomes.join());
  });
});
