import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  renameSync,
  rmSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import fc from 'fast-check';
import { HEAD_BYTES } from '../../lib/journal/journal-format.js';
import type { VirnucproError } from '../../lib/errors.js';
import { checkJournal, RunJournal } from '../../lib/journal/run-journal.js';
import { journalFolder, key, opened, scoresOf, tokensOf, writeJournal } from './journals.js';
import type { JournalFolder } from './journals.js';

const BATCHES = 5;
const RECORD_BYTES = HEAD_BYTES + 16;

function copyOf(path: string): string {
  copyFileSync(path, `${path}-copy`);
  return `${path}-copy`;
}

describe('a journal', () => {
  let folder: JournalFolder;
  beforeEach(() => {
    folder = journalFolder();
  });
  afterEach(() => folder.remove());

  /** The numbers of the batches with scores in the journal; checks these scores. */
  async function found(): Promise<number[]> {
    const journal = await opened(folder.path);
    const numbers: number[] = [];
    for (let batch = 0; batch < BATCHES; batch++) {
      const known = journal.models.has(batch) ? await journal.models.find(batch, tokensOf(batch), 'here') : undefined;
      if (!known) continue;
      assert.deepEqual(known, scoresOf(batch));
      numbers.push(batch);
    }
    await journal.close();
    return numbers;
  }

  it('gives back what was entered, in the bits of the numbers', async () => {
    const journal = await opened(folder.path);
    const scores = Float32Array.from([0.1, -0, 1e-45, 3.4e38]);
    const embeddings = Float32Array.from({ length: 6 }, (_, index) => Math.sqrt(index));
    journal.models.add(0, tokensOf(0), { scores, embeddings });
    await journal.close();
    const again = await opened(folder.path);
    assert.deepEqual(again.content, {
      ...{ batches: 1, frames: 2, framesTriaged: 0, damagedBytes: 0, isOfSameDevices: true },
    });
    assert.deepEqual(await again.models.find(0, tokensOf(0), 'here'), { scores, embeddings });
    assert.equal(again.models.has(1), false);
    await again.close();
  });

  it('goes on where it ended, batches in any order and more than once', async () => {
    await writeJournal(folder.path, 2);
    const journal = await opened(folder.path);
    for (const batch of [4, 2, 3, 2]) journal.models.add(batch, tokensOf(batch), scoresOf(batch));
    await journal.close();
    assert.deepEqual(await found(), [0, 1, 2, 3, 4]);
  });

  for (const [what, change] of [
    ['removed', (path: string) => rmSync(path)],
    ['replaced by a copy', (path: string) => renameSync(copyOf(path), path)],
  ] as const) {
    it(`says that it was ${what} while it was written to, and leaves what is there alone`, async () => {
      let journal: RunJournal | undefined;
      const { code, message } = await new Promise<VirnucproError>((resolve, reject) => {
        RunJournal.open({ path: folder.path, key: key(), onFailure: resolve }).then((opened) => {
          journal = opened;
          change(folder.path);
        }, reject);
      });
      assert.equal(code, 'VNP_OUTPUT_LOST');
      assert.match(message, /^The journal .* was removed or replaced while the run was in progress/);
      await journal!.close();
      assert.equal(existsSync(folder.path), what !== 'removed');
    });
  }

  it('is not there any more when nothing was entered', async () => {
    await (await opened(folder.path)).close();
    assert.equal(existsSync(folder.path), false);
  });

  it('says so when a batch was computed from something else', async () => {
    await writeJournal(folder.path, 1);
    const journal = await opened(folder.path);
    const find = journal.models.find(0, tokensOf(1), 'window 3 of c1 in input a.fa');
    await assert.rejects(find, {
      code: 'VNP_RESUME',
      message: /^The input from window 3 of c1 in input a\.fa on differs from the input/,
    });
    await journal.close();
  });

  it('of a run with another key is refused and left as it is', async () => {
    await writeJournal(folder.path, 2);
    const before = readFileSync(folder.path);
    await assert.rejects(opened(folder.path, key({ precision: 'bf16' })), { code: 'VNP_RESUME' });
    await assert.rejects(checkJournal(folder.path, { chunkSize: 300 }), { code: 'VNP_RESUME' });
    assert.deepEqual(readFileSync(folder.path), before);
  });

  it('is never made of a file of another kind, which stays as it is', async () => {
    for (const text of ['my notes', '>a\nACGT\n', 'x', '\x89VNPJ but not the rest']) {
      writeFileSync(folder.path, text, 'latin1');
      await assert.rejects(opened(folder.path), { code: 'VNP_OUTPUT', message: / is not a journal\. / });
      await assert.rejects(checkJournal(folder.path), { code: 'VNP_OUTPUT' });
      assert.equal(readFileSync(folder.path, 'latin1'), text);
    }
  });

  it('tells what its run was begun with, and of none where there is none', async () => {
    assert.equal(await checkJournal(folder.path), undefined);
    await writeJournal(folder.path, 1);
    assert.deepEqual(await checkJournal(folder.path), key());
  });

  it('tells that it is of other devices', async () => {
    await writeJournal(folder.path, 1);
    const journal = await opened(folder.path, key({ devices: ['another CPU, 4 threads'] }));
    assert.equal(journal.content.isOfSameDevices, false);
    await journal.close();
  });

  it('that was cut off anywhere has every batch that is whole, and can be gone on with', async () => {
    await writeJournal(folder.path, BATCHES);
    const whole = readFileSync(folder.path);
    const keys = whole.length - BATCHES * RECORD_BYTES;
    for (let length = whole.length; length >= keys / 2; length -= 7) {
      writeFileSync(folder.path, whole);
      truncateSync(folder.path, length);
      const batches = Math.max(0, Math.floor((length - keys) / RECORD_BYTES));
      const journal = await opened(folder.path);
      assert.equal(journal.content.batches, batches);
      assert.equal(journal.content.damagedBytes, 0);
      journal.models.add(4, tokensOf(4), scoresOf(4));
      await journal.close();
      assert.deepEqual(await found(), [...new Set([...Array(batches).keys(), 4])]);
    }
  });

  it('of which a bit was flipped has all batches but that one', async () => {
    await writeJournal(folder.path, BATCHES);
    const whole = readFileSync(folder.path);
    const keys = whole.length - BATCHES * RECORD_BYTES;
    await fc.assert(
      fc.asyncProperty(fc.nat(8 * whole.length - 1), async (bit) => {
        const damaged = Buffer.from(whole);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        writeFileSync(folder.path, damaged);
        const hit = Math.floor(((bit >> 3) - keys) / RECORD_BYTES);
        assert.deepEqual(
          await found(),
          [0, 1, 2, 3, 4].filter((batch) => batch !== hit),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('of which both keys are damaged is begun anew', async () => {
    await writeJournal(folder.path, BATCHES);
    const damaged = readFileSync(folder.path);
    const keys = damaged.length - BATCHES * RECORD_BYTES;
    damaged[HEAD_BYTES + 3]! ^= 1;
    damaged[keys / 2 + HEAD_BYTES + 3]! ^= 1;
    writeFileSync(folder.path, damaged);
    assert.equal(await checkJournal(folder.path), undefined);
    const journal = await opened(folder.path);
    const { batches, damagedBytes } = journal.content;
    assert.deepEqual({ batches, damagedBytes }, { batches: 0, damagedBytes: damaged.length });
    await journal.close();
    assert.deepEqual(await found(), []);
  });

  it('that is anything at all is never a crash, and never gives a score that was not entered', async () => {
    await writeJournal(folder.path, BATCHES);
    const whole = readFileSync(folder.path);
    const pieces = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.nat(whole.length), fc.nat(300)).map(([start, length]) => whole.subarray(start, start + length)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 12 }), async (list) => {
        writeFileSync(folder.path, whole.subarray(0, (whole.length - BATCHES * RECORD_BYTES) / 2));
        for (const piece of list) appendFileSync(folder.path, piece);
        await found();
      }),
      { numRuns: 150 },
    );
  });
});
