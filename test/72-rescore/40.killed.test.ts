import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { REPLACEMENT_FOLDER } from '../../lib/output/put-in-place.js';
import { temporaryFolder } from '../70-output/results.js';
import { embeddedRun, OTHER_MODEL, otherClassifier, scoreFiles } from './embedded-run.js';
import { calledFiles, filesBelow, predictStored, readRun, rescoreIn } from './stored-run.js';
import type { StoredRun } from './stored-run.js';

/** Calls, and kills itself without any chance to clean up before the call's n-th change of a folder. */
const DYING_CALL = `
  import promises from 'node:fs/promises';
  import { syncBuiltinESMExports } from 'node:module';
  const [module, options, last] = process.argv.slice(1);
  let changes = 0;
  for (const name of ['mkdir', 'writeFile', 'rename', 'rm']) {
    const real = promises[name];
    promises[name] = (...words) => {
      if (++changes > Number(last)) process.kill(process.pid, 'SIGKILL');
      return real(...words);
    };
  }
  syncBuiltinESMExports();
  const { rescore } = await import(module);
  const { classifier, ...rest } = JSON.parse(options);
  const { otherClassifier } = await import(new URL('../../test/72-rescore/embedded-run.js', module));
  await rescore({ ...rest, ...(classifier && { classifier: otherClassifier() }) });
`;

const EARLIER = { threshold: 0.5, minFraction: 0.5 };
const LATER = { threshold: 0.2, minFraction: 0.1 };

describe('A call that is killed', () => {
  const folder = temporaryFolder();
  const path = (...names: string[]): string => join(folder.path, ...names);
  /** Whether a call has decided on new files that are not all in place. */
  const isDecided = (): boolean => {
    const outer = path('out', REPLACEMENT_FOLDER);
    return existsSync(outer) && readdirSync(outer).some((token) => existsSync(join(outer, token, 'run.json')));
  };
  const stored = (): StoredRun => ({
    ...{ folder: folder.path, inputs: { 'input.fa': '>a\nACGTACGTACGTACG\n>b\nACGTN\n>c\nACG\n' } },
    scores: [[[0.1, 0.9]], [[0.4, 0.6]], [[0.7, 0.3]], [[0.9, 0.1]]],
  });

  /** @returns whether it finished */
  const callUntil = async (output: string, changes: number, classifier = false): Promise<boolean> => {
    const module = new URL('../../lib/rescore/rescore.js', import.meta.url).href;
    const options = { directory: path(output), rule: LATER, version: '0.1.0', commandLine: [], classifier };
    const args = ['--input-type=module', '-e', DYING_CALL, module, JSON.stringify(options), String(changes)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      child.on('close', (...end) => resolve(end));
    });
    assert.ok(code === 0 || signal === 'SIGKILL', errors);
    return code === 0;
  };

  it('leaves the results as they were or is ended by the next one, at whichever moment', async () => {
    await predictStored(stored(), 'earlier', EARLIER);
    await predictStored(stored(), 'later', LATER);
    const [before, wanted] = [filesBelow(path('earlier')), calledFiles(folder.path, 'later')];
    const states = { before: 0, between: 0, after: 0 };
    for (let changes = 0; ; changes++) {
      rmSync(path('out'), { recursive: true, force: true });
      cpSync(path('earlier'), path('out'), { recursive: true });
      const isDone = await callUntil('out', changes);
      if (isDecided()) states.between++;
      else if (readRun(folder.path, 'out').rescored === undefined) {
        states.before++;
        const now = filesBelow(path('out'));
        for (const [file, content] of Object.entries(before)) {
          assert.equal(now[file.replace(path('earlier'), path('out'))], content, `${file} before change ${changes}`);
        }
      } else states.after++;
      await rescoreIn(stored(), 'out', LATER);
      assert.deepEqual(calledFiles(folder.path, 'out'), wanted, `after a kill before change ${changes}`);
      assert.deepEqual(
        Object.keys(filesBelow(path('out')))
          .map((file) => file.replace(path('out'), ''))
          .sort(),
        Object.keys(before)
          .map((file) => file.replace(path('earlier'), ''))
          .sort(),
      );
      if (isDone) break;
    }
    assert.ok(states.before >= 4 && states.between >= 4 && states.after >= 2, JSON.stringify(states));
  });

  it('leaves them so with another classifier, too', async () => {
    const windows = [0.1, 0.4, 0.7, 0.9].map((first) => ({
      status: 'scored' as const,
      frames: [{ frame: 'R2' as const, embedding: [first, 0.5, 0.3] }],
    }));
    const { folder: parent, inputs } = stored();
    await predictStored(embeddedRun({ folder: parent, inputs }, windows), 'earlier', EARLIER);
    await predictStored(embeddedRun({ folder: parent, inputs }, windows, OTHER_MODEL), 'later', LATER);
    const [before, wanted] = [scoreFiles(parent, 'earlier'), scoreFiles(parent, 'later')];
    assert.notDeepEqual(before, wanted);
    const states = { before: 0, between: 0, after: 0 };
    for (let changes = 0, isDone = false; !isDone; changes++) {
      rmSync(path('out'), { recursive: true, force: true });
      cpSync(path('earlier'), path('out'), { recursive: true });
      isDone = await callUntil('out', changes, true);
      const isBetween = isDecided();
      if (isBetween) states.between++;
      else if (readRun(parent, 'out').model.name === 'tiny') {
        states.before++;
        assert.deepEqual(scoreFiles(parent, 'out'), before, `before change ${changes}`);
      } else states.after++;
      // A call without a classifier, too, carries out what was decided.
      await rescoreIn(stored(), 'out', LATER, isBetween ? {} : { classifier: otherClassifier() });
      assert.deepEqual(scoreFiles(parent, 'out'), wanted, `after a kill before change ${changes}`);
    }
    assert.ok(states.before >= 4 && states.between >= 4 && states.after >= 2, JSON.stringify(states));
  });

  it('is never taken for a finished run while its files are put in place', async () => {
    await predictStored(stored(), 'out', EARLIER);
    for (let changes = 0; !(await callUntil('out', changes)); changes++) {
      if (!existsSync(path('out', 'run.json'))) break;
    }
    const output = path('elsewhere');
    await assert.rejects(rescoreIn(stored(), 'out', EARLIER, { output }), {
      code: 'VNP_OUTPUT',
      message: /its results are being put in place/,
    });
    assert.ok(!existsSync(output));
    await rescoreIn(stored(), 'out', EARLIER);
    assert.equal(readRun(folder.path, 'out').rescored?.length, 2);
  });

  it('is forgotten when another run replaces its results', async () => {
    await predictStored(stored(), 'out', EARLIER);
    for (let changes = 0; !(await callUntil('out', changes)); changes++) {
      if (existsSync(path('out', REPLACEMENT_FOLDER))) break;
    }
    const other = { ...stored(), inputs: { 'other.fa': '>other\nACGT\n' } };
    await predictStored(other, 'other', EARLIER);
    await predictStored(other, 'out', EARLIER, { force: true });
    assert.ok(!existsSync(path('out', REPLACEMENT_FOLDER)));
    assert.deepEqual(calledFiles(folder.path, 'out'), calledFiles(folder.path, 'other'));
  });
});
