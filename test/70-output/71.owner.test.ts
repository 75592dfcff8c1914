import assert from 'node:assert/strict';
import { lifeOf, ownerText, describeOwner, parseOwner } from '../../lib/output/directory-owner.js';
import { watchOwner } from '../../lib/output/owner-watch.js';
import { realSystem } from '../../lib/output/system.js';
import type { FoundProcess, ProcessIdentity, SharedFiles, System } from '../../lib/output/system.js';

const HERE: ProcessIdentity = {
  ...{ host: 'node', user: 'me', boot: 'b', pidNamespace: 'pid:[1]', pid: 7, started: '70' },
};

/** This process as HERE, and another one with the owner's number. */
function systemWith(found: FoundProcess): System {
  return { ...realSystem, identity: () => HERE, find: () => Promise.resolve(found) };
}

describe('The owner of a directory', () => {
  const alive: FoundProcess = { started: '70' };
  for (const [what, changes, found, life] of [
    ['is alive while its process runs', {}, alive, 'alive'],
    ['is dead when its process is gone', {}, 'gone', 'dead'],
    ['is dead when its number was given again', {}, { started: '71' }, 'dead'],
    ['is unknown when its process is hidden', {}, 'hidden', 'unknown'],
    ['is unknown in another namespace of process numbers', { pidNamespace: 'pid:[2]' }, alive, 'unknown'],
    ['is unknown in another namespace, also where its number is free', { pidNamespace: 'pid:[2]' }, 'gone', 'unknown'],
    ['is unknown on another machine of the same name', { boot: 'c' }, alive, 'unknown'],
    ['is unknown where it could not find out where it is', { boot: '' }, alive, 'unknown'],
    ['is unknown where an earlier version did not say where it is', { pidNamespace: undefined }, alive, 'unknown'],
  ] as const) {
    it(what, async () => {
      assert.equal(await lifeOf({ ...HERE, ...changes } as ProcessIdentity, systemWith(found)), life);
    });
  }

  it('is unknown where there is no record', async () => {
    assert.equal(await lifeOf(undefined, systemWith('gone')), 'unknown');
    for (const torn of ['', '{"host":"no', 'null', '{"pid":1}', '{"host":"x","pid":"1"}']) {
      assert.equal(parseOwner(torn), undefined, torn);
    }
  });

  it('is found by its number and start, this very process too', async () => {
    const own = realSystem.identity();
    assert.notEqual(own.started, '');
    assert.deepEqual(await realSystem.find(process.pid), { started: own.started });
    assert.equal(await lifeOf(own, realSystem), 'alive');
  });

  it('has a record that keeps its length, so that a full disk does not hinder the heartbeat', () => {
    const texts = [0, 1, 999_999_999].map((beat) => ownerText({ ...HERE, token: 't' }, beat));
    assert.equal(new Set(texts.map((text) => text.length)).size, 1);
    assert.equal(parseOwner(texts[1]!)?.token, 't');
  });

  it('brings no control characters into messages, whoever wrote the record', () => {
    assert.equal(describeOwner({ ...HERE, host: 'a\x1b[2Jb', user: 'u\n' }), 'process 7 on a?[2Jb (user u?)');
  });
});

/** The file system's answer to one look: after some milliseconds, this text or this error. */
interface Answer {
  readonly takes?: number;
  readonly text?: string;
  readonly code?: string;
}

describe('Watching an owner', () => {
  const MAX_SILENCE = 3_000;

  /** Watches with a clock of its own; the last answer is repeated. */
  async function watch(answers: readonly Answer[], folder: Answer = {}): Promise<{ life: string; seconds: number }> {
    let [time, looks] = [0, 0];
    const read: SharedFiles['read'] = () => {
      const { takes = 1, text = 'same', code } = answers[Math.min(looks++, answers.length - 1)]!;
      time += takes;
      return code === undefined
        ? Promise.resolve({ text, modified: 0 })
        : Promise.reject(Object.assign(new Error(code), { code }));
    };
    const names: SharedFiles['names'] = () =>
      folder.code === undefined
        ? Promise.resolve([])
        : Promise.reject(Object.assign(new Error(folder.code), { code: folder.code }));
    const system: System = {
      ...realSystem,
      files: { ...realSystem.files, read, names },
      now: () => time,
      sleep: (milliseconds) => {
        time += milliseconds;
        return Promise.resolve();
      },
    };
    return { life: await watchOwner(system, '/out/.unfinished-x', MAX_SILENCE), seconds: time / 1000 };
  }

  it('ends when the record changes, and after the silence allowed when it does not', async () => {
    assert.equal((await watch([{}, {}, { text: 'other' }])).life, 'alive');
    const { life, seconds } = await watch([{}]);
    assert.equal(life, 'silent');
    assert.ok(seconds >= 3 && seconds < 4, `${seconds} s`);
  });

  it('does not count the time in which the file system hangs, but begins anew', async () => {
    const { life, seconds } = await watch([{}, {}, { takes: 45_000 }, {}]);
    assert.equal(life, 'silent');
    assert.ok(seconds >= 48, `${seconds} s`);
    assert.equal((await watch([{}, { takes: 45_000 }, {}, {}, { text: 'other' }])).life, 'alive');
    assert.equal((await watch([{ takes: 45_000 }, {}, {}, { text: 'other' }])).life, 'alive');
  });

  it('takes failures of the moment for no answer, neither for silence nor for life', async () => {
    const failing = (code: string): Answer[] => [{}, ...Array.from({ length: 40 }, () => ({ code })), {}];
    for (const code of ['EIO', 'ESTALE', 'ETIMEDOUT']) {
      const { life, seconds } = await watch(failing(code));
      assert.equal(life, 'silent');
      assert.ok(seconds >= 12, `${seconds} s`);
    }
    assert.equal((await watch([{ code: 'EIO' }])).life, 'alive', 'what never answers is not taken for dead');
  });

  it('takes one who hides for alive', async () => {
    for (const code of ['EACCES', 'EPERM']) assert.equal((await watch([{ code }])).life, 'alive');
  });

  it('sees that a folder is gone, and waits for a record that is not there yet', async () => {
    assert.equal((await watch([{ code: 'ENOENT' }], { code: 'ENOENT' })).life, 'gone');
    assert.equal((await watch([{ code: 'ENOENT' }])).life, 'silent');
    assert.equal((await watch([{ code: 'ENOENT' }, {}])).life, 'alive');
  });
});
