import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openResultDirectory } from '../../lib/output/result-directory.js';
import { skip } from '../skipped.js';
import { optionsIn, temporaryFolder } from './results.js';

const OTHER_USER = 12_345;
const NOBODY = 65_534;
const MAX_NAME_LENGTH = 255;
const SUFFIX = '_identified_nucleotide.fa';

describe('Before a run is begun it is found', () => {
  const folder = temporaryFolder();
  const out = (...names: string[]): string => join(folder.path, 'out', ...names);
  const refuses = async (message: RegExp, changes = {}): Promise<void> => {
    await assert.rejects(openResultDirectory(optionsIn(folder.path, changes)), { code: 'VNP_OUTPUT', message });
  };

  for (const [what, inputName] of [
    ['too many letters', 'n'.repeat(MAX_NAME_LENGTH - SUFFIX.length + 1)],
    ['few letters of many bytes', 'ü'.repeat((MAX_NAME_LENGTH - SUFFIX.length + 2) / 2)],
  ] as const) {
    it(`that the classic files would have a name that is too long: ${what}`, async () => {
      await refuses(/ENAMETOOLONG.*named after the input.*leave out `sequences`/, {
        inputName,
        keepIntermediate: true,
      });
      // The directory was made for this run.
      assert.deepEqual(readdirSync(folder.path), []);
      const without = await openResultDirectory(optionsIn(folder.path, { inputName }));
      await without.abort();
    });
  }

  it('that the longest name is one that there can be', async () => {
    const inputName = 'n'.repeat(MAX_NAME_LENGTH - SUFFIX.length);
    const directory = await openResultDirectory(optionsIn(folder.path, { inputName, keepIntermediate: true }));
    const tried = readdirSync(dirname(directory.logPath)).filter((name) => name.includes(inputName));
    assert.deepEqual(tried, []);
    await directory.abort();
  });

  it('that files could not be replaced: of another user, in a directory with the sticky bit', function () {
    if (process.getuid?.() !== 0) skip(this, 'only root can make files of another user');
    mkdirSync(out());
    for (const name of ['contigs.tsv', 'run.json']) {
      writeFileSync(out(name), 'kept');
      chownSync(out(name), OTHER_USER, OTHER_USER);
    }
    chownSync(out(), OTHER_USER, OTHER_USER);
    chmodSync(out(), 0o1777);
    chmodSync(folder.path, 0o755);
    const program = `
      process.setgid(${NOBODY});
      process.setuid(${NOBODY});
      const { openResultDirectory } = await import(process.argv[1]);
      await openResultDirectory(JSON.parse(process.argv[2])).catch((error) => console.log(error.code, error.message));
    `;
    const module = new URL('../../lib/output/result-directory.js', import.meta.url).href;
    const words = [module, JSON.stringify(optionsIn(folder.path, { force: true }))];
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program, ...words]);
    assert.match(stdout.toString(), /^VNP_OUTPUT .*contigs\.tsv cannot be replaced: .*sticky/, stderr.toString());
    assert.deepEqual(readdirSync(out()).sort(), ['contigs.tsv', 'run.json']);
  });

  it('that a file could not be replaced: it is immutable', async function () {
    mkdirSync(out());
    writeFileSync(out('windows.tsv'), 'kept');
    try {
      execFileSync('chattr', ['+i', out('windows.tsv')], { stdio: 'pipe' });
    } catch {
      skip(this, 'no file can be made immutable here');
    }
    try {
      await refuses(/windows\.tsv cannot be replaced: .*lsattr/, { force: true });
    } finally {
      execFileSync('chattr', ['-i', out('windows.tsv')]);
    }
  });

  it('that files are too deep to be written', async () => {
    const directory = join(folder.path, ...Array.from({ length: 20 }, () => 'd'.repeat(200)));
    // The longest path has 4,095 bytes: enough for the directory, but not for a file in its folder.
    const deep = join(directory.slice(0, 4095 - 40 - 20), 'x'.repeat(8));
    await refuses(/ENAMETOOLONG/, { directory: deep });
    assert.deepEqual(readdirSync(folder.path), []);
  });

  it('nothing, where files are of this user or may not be written to', async () => {
    mkdirSync(out());
    writeFileSync(out('contigs.tsv'), 'old', { mode: 0o444 });
    chmodSync(out(), 0o1777);
    await (await openResultDirectory(optionsIn(folder.path, { force: true }))).abort();
  });
});
