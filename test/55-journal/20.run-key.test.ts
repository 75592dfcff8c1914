import assert from 'node:assert/strict';
import { checkSameRun, JOURNAL_FORMAT, parseKey } from '../../lib/journal/journal-key.js';
import type { RunKey } from '../../lib/journal/journal-key.js';
import { key } from './journals.js';

describe('what a run was begun with', () => {
  const differences: Partial<RunKey>[] = [
    { virnucpro: '9.9.9' },
    { libtorch: '9.9.9' },
    { dna: 'd'.repeat(64) },
    { protein: 'd'.repeat(64) },
    { classifier: 'd'.repeat(64) },
    { chunkSize: 300 },
    { precision: 'bf16' },
    { engine: 'torchscript' },
    { proteinBatchTokens: 1 },
    { dnaBatchTokens: 1 },
    { embeddings: true },
  ];

  for (const difference of differences) {
    const [name, value] = Object.entries(difference)[0]!;
    it(`is not the same with another ${name}, and the error says both`, () => {
      const check = (): void => checkSameRun('out/.journal', key(), { ...key(), ...difference });
      assert.throws(check, (error: Error & { code?: string }) => {
        assert.equal(error.code, 'VNP_RESUME');
        assert.match(error.message, /out\/\.journal/);
        for (const shown of [value, key()[name as keyof RunKey]]) {
          assert.ok(error.message.includes(String(shown).slice(0, 12)), error.message);
        }
        return true;
      });
    });
  }

  it('names every difference at once', () => {
    assert.throws(
      () => checkSameRun('j', key(), { precision: 'bf16', chunkSize: 300 }),
      /chunk size 500, precision fp32.*chunk size 300, precision bf16/,
    );
  });

  it('is the same on other devices, and where nothing is said', () => {
    checkSameRun('j', key(), { ...key(), devices: ['another'] });
    checkSameRun('j', key(), {});
  });

  it('of another format differs in that alone', () => {
    const other = parseKey(JSON.stringify({ format: JOURNAL_FORMAT + 1, strange: true }))!;
    assert.throws(() => checkSameRun('j', other, key()), /version of the journal 3.*version of the journal 2/);
  });

  it('is no key when it is something else', () => {
    for (const text of ['', 'null', '[]', '{}', '"format"', '{"format"']) assert.equal(parseKey(text), undefined);
  });
});
