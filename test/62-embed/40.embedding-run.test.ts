import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import type { PackedTokens } from '../../lib/batches/tokens.js';
import type { StatesJournal } from '../../lib/embed/embedding-dispatcher.js';
import type { PooledStates } from '../../lib/engine/pool/embedding-work.js';
import { FakeDevices, hashOf } from '../60-predict/fake-devices.js';
import {
  all,
  checkStates,
  interleavings,
  named,
  notingShare,
  PLAN,
  proteins,
  run,
  SlowSource,
  tokensOf,
} from './embedding-runs.js';
import type { Named } from './embedding-runs.js';

describe('a run that embeds', () => {
  it('gives every record its states, in order, whatever takes how long', () =>
    fc.assert(
      fc.asyncProperty(interleavings, async ({ sequences, devices, turns, sourceTurns, ...options }) => {
        const pool = await new FakeDevices({ devices, turns }).openPool();
        const records = named(sequences);
        const embedding = run(pool, new SlowSource(records, sourceTurns), options);
        const results = await all(embedding);
        assert.deepEqual(results.map(({ record }) => record), records); // prettier-ignore
        for (const [index, result] of results.entries()) {
          assert.equal(result.record, records[index], 'the object of the caller');
          assert.equal(result.index, index);
          assert.equal(result.length, result.record.sequence.length);
          checkStates(result);
        }
        const { records: count, given, failed } = embedding.counts;
        assert.deepEqual([count, given, failed], [records.length, records.length, 0]);
        await pool.close();
      }),
      { numRuns: 60 },
    ));

  it('gives an error to records that cannot be read, and goes on', async () => {
    const pool = await new FakeDevices(PLAN).openPool();
    const results = await all(run(pool, named(['MKV', 'M1', '', 'MKVLA'])));
    assert.deepEqual(results.map(({ error }) => error?.code), [undefined, 'VNP_INPUT_FORMAT', 'VNP_INPUT_FORMAT', undefined]); // prettier-ignore
    assert.equal(
      results[1]!.error!.message,
      'The record "r1" cannot be embedded: "1" at position 2 is not an amino acid',
    );
    checkStates(results[3]!);
    const [nameless] = await all(run(pool, [{ sequence: '?' }]));
    assert.match(nameless!.error!.message, /^The sequence with the index 0 cannot be embedded: "\?" at/);
    await pool.close();
  });

  it('gives an error to records that fail on the devices, alone or in a window', () =>
    fc.assert(
      fc.asyncProperty(proteins(24), fc.integer({ min: 10, max: 40 }), async (sequences, batchTokens) => {
        const devices = new FakeDevices({ ...PLAN, kindOf: (_, protein) => (has(protein, 'W') ? 'throws' : 'sound') });
        const pool = await devices.openPool();
        // Three batches in a row without states end a run.
        const records = named(sequences.flatMap((sequence) => [sequence, 'AAAAAAAA']));
        const results = await all(run(pool, records, { batchTokens: 12 + batchTokens }));
        for (const result of results) {
          if (!result.record.sequence.includes('W')) checkStates(result);
          else assert.match(result.error!.message, /^The record "r\d+" cannot be embedded: a frame that cannot/);
        }
        assert.equal(results.length, records.length);
        await pool.close();
      }),
      { numRuns: 30 },
    ));

  it('ends when batch after batch fails', async () => {
    const pool = await new FakeDevices({ ...PLAN, kindOf: () => 'throws' }).openPool();
    const results = run(pool, named(Array<string>(50).fill('MKVLAAG')));
    await assert.rejects(all(results), { code: 'VNP_SYSTEMIC', message: /^3 batches in a row have no embeddings/ });
    await pool.close();
  });

  it('finds states that are no numbers', async () => {
    const pool = await new FakeDevices(PLAN).openPool();
    const share = pool.share();
    const odd = {
      workers: share.workers,
      close: () => share.close(),
      embed: async () => {
        const states = {
          mean: [Float32Array.of(1, NaN), Float32Array.of(1, 1)],
          max: [new Float32Array(2), new Float32Array(2)],
        };
        return { outcome: Promise.resolve({ ...states, failures: [], computed: [] }) };
      },
    };
    const [first, second] = await all(run(pool, named(['M', 'K']), { share: odd, batchTokens: 6 }));
    assert.deepEqual(first!.states!.mean, [Float32Array.of(1), Float32Array.of(1)]);
    assert.match(second!.error!.message, /^The record "r1" cannot be embedded: the model produced a non-finite state/);
    await pool.close();
  });

  it('begins nothing before its first result is asked for', async () => {
    const pool = await new FakeDevices(PLAN).openPool();
    const source = new SlowSource(named(['MKV']));
    const results = run(pool, source);
    await nextTurn();
    assert.equal(source.pulled, 0);
    await results.return();
    assert.equal((await results.next()).done, true);
    await pool.close();
  });

  it('reads no further than its results are taken', async () => {
    const fake = new FakeDevices(PLAN);
    const pool = await fake.openPool();
    const source = new SlowSource(named(Array<string>(1000).fill('MKVLA')));
    const results = run(pool, source);
    await results.next();
    for (let turn = 0; turn < 2000; turn++) await nextTurn();
    // Of 7 tokens each, four to a batch: nine batches at most on two devices with their places, and one being filled.
    assert.ok(source.pulled <= 50, `${source.pulled} records were read`);
    assert.equal((await all(results)).length, 999);
    await pool.close();
  });

  it('reads a sequence of any length, with batches of any size', async () => {
    const pool = await new FakeDevices(PLAN).openPool();
    const long = 'MKVLAAGYWC'.repeat(300);
    for (const batchTokens of [1, 10, 25, 1000]) {
      const results = await all(run(pool, named(['MK', long, 'MKV', long, long]), { batchTokens }));
      for (const result of results) checkStates(result);
      assert.equal(results.length, 5);
    }
    await pool.close();
  });

  it('sends what it has when the next record waits for a result', async () => {
    const pool = await new FakeDevices(PLAN).openPool();
    let give: (record: Named | undefined) => void = () => undefined;
    async function* answering(): AsyncGenerator<Named> {
      for (;;) {
        const record = await new Promise<Named | undefined>((resolve) => (give = resolve));
        if (!record) return;
        yield record;
      }
    }
    const results = run(pool, answering(), { flushWhenIdle: true });
    for (const record of named(['MKV', 'MKVLA', 'MKVLAAGYWCMKVLA'])) {
      const coming = results.next();
      await nextTurn();
      give(record);
      checkStates((await coming).value!);
    }
    const ended = results.next();
    await nextTurn();
    give(undefined);
    assert.equal((await ended).done, true);
    await pool.close();
  });

  it('makes the same batches of the same records, however fast these come and the results are taken', () =>
    fc.assert(
      fc.asyncProperty(interleavings, async ({ sequences, devices, turns, sourceTurns, batchTokens }) => {
        const batchesOf = async (slow: boolean): Promise<number[]> => {
          const pool = await new FakeDevices({ devices, turns }).openPool();
          const batches: number[] = [];
          const share = notingShare(pool, ({ offsets, tokens }) => batches.push(hashOf(offsets, tokens)));
          const records = named(sequences);
          const source = slow ? new SlowSource(records, sourceTurns) : records;
          for await (const _ of run(pool, source, { share, batchTokens })) if (slow) await nextTurn();
          await pool.close();
          return batches;
        };
        assert.deepEqual(await batchesOf(true), await batchesOf(false));
      }),
      { numRuns: 30 },
    ));

  it('computes nothing again that is in its journal', async () => {
    const journal = new MemoryJournal();
    const records = named(['MKV', 'MKVLAAGYWCMKVLAAGYWC', 'MK', 'MKVLAAG', 'LLLLL']);
    const pool = await new FakeDevices(PLAN).openPool();
    const first = await all(run(pool, records, { journal }));
    await pool.close();
    assert.ok(journal.batches.size > 1);
    const broken = await new FakeDevices({ ...PLAN, isBroken: [true, true] }).openPool();
    assert.deepEqual(await all(run(broken, records, { journal })), first);
    await broken.close();
    // Other records are other batches.
    const sound = await new FakeDevices(PLAN).openPool();
    for (const result of await all(run(sound, named(['MKVL', 'M']), { journal }))) checkStates(result);
    await sound.close();
  });

  it('keeps in its journal only batches that the whole records have, too, when these break off', async () => {
    const records = named(['MKV', 'MKVLAAGY', 'MK', 'MKVLAAG', 'LLLLL', 'MKVL', 'MKY', 'LAGV']);
    const pool = await new FakeDevices(PLAN).openPool();
    const whole = new MemoryJournal();
    await all(run(pool, records, { journal: whole }));
    for (let read = 1; read < records.length; read++) {
      const thrown = new Error('the file is on another planet');
      function* broken(): Generator<Named> {
        yield* records.slice(0, read);
        throw thrown;
      }
      const journal = new MemoryJournal();
      await assert.rejects(all(run(pool, broken(), { journal })), (error) => error === thrown);
      for (const [number, { hash }] of journal.batches) assert.equal(hash, whole.batches.get(number)?.hash);
    }
    await pool.close();
  });
});

class MemoryJournal implements StatesJournal {
  readonly batches = new Map<number, { readonly hash: number; readonly states: PooledStates }>();
  readonly room = undefined;

  has(number: number): boolean {
    return this.batches.has(number);
  }

  async find(number: number, { offsets, tokens }: PackedTokens): Promise<PooledStates | undefined> {
    const known = this.batches.get(number);
    return known?.hash === hashOf(offsets, tokens) ? known.states : undefined;
  }

  add(number: number, { offsets, tokens }: PackedTokens, states: PooledStates): void {
    this.batches.set(number, { hash: hashOf(offsets, tokens), states });
  }
}

function has(protein: ArrayLike<number>, letter: string): boolean {
  return Array.from(protein).includes(tokensOf(letter)[1]!);
}
