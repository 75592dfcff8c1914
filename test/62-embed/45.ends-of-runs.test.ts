import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { FakeDevices } from '../60-predict/fake-devices.js';
import { all, checkStates, interleavings, named, PLAN, run, SlowSource } from './embedding-runs.js';
import type { Named } from './embedding-runs.js';

describe('a run that embeds', () => {
  it('throws what the records throw, after the results before it', async () => {
    const pool = await new FakeDevices(PLAN).openPool();
    const thrown = new Error('the database is gone');
    async function* failing(): AsyncGenerator<Named> {
      yield* named(['MKV', 'MK']);
      throw thrown;
    }
    const results = run(pool, failing());
    for (const sequence of ['MKV', 'MK']) assert.equal((await results.next()).value?.record.sequence, sequence);
    await assert.rejects(results.next(), (error) => error === thrown);
    assert.deepEqual(await results.next(), { done: true, value: undefined });
    await pool.close();
  });

  const wrong: [unknown, RegExp][] = [
    [7, /^Expected an object with a sequence for record 1 \(from 0\) but received number/],
    [null, /received null/],
    [{ id: 'a' }, /^Expected a string or a Uint8Array for the sequence of record 1 \(from 0\) but received undefined/],
    [{ id: 5, sequence: 'M' }, /^Expected a string for the id of record 1/],
  ];
  for (const [record, message] of wrong) {
    it(`throws for a record of the wrong type, after the results before it: ${JSON.stringify(record)}`, async () => {
      const pool = await new FakeDevices(PLAN).openPool();
      let isEnded = false;
      function* records(): Generator<Named> {
        try {
          yield* named(['MKV']);
          yield record as Named;
        } finally {
          isEnded = true;
        }
      }
      const results = run(pool, records());
      checkStates((await results.next()).value!);
      await assert.rejects(results.next(), { code: 'VNP_ARGUMENT', message });
      assert.ok(isEnded);
      await pool.close();
    });
  }

  it('refuses what cannot be iterated', async () => {
    const pool = await new FakeDevices(PLAN).openPool();
    for (const records of [undefined, 5, {}] as never[])
      assert.throws(() => run(pool, records), { code: 'VNP_ARGUMENT' });
    await pool.close();
  });

  it('ends with the reason of its signal, whenever that is aborted', () =>
    fc.assert(
      fc.asyncProperty(interleavings, fc.nat(30), fc.boolean(), async (plan, after, isDuring) => {
        const { sequences, devices, turns, sourceTurns, ...options } = plan;
        const fake = new FakeDevices({ devices, turns });
        const pool = await fake.openPool();
        const controller = new AbortController();
        const source = new SlowSource(named(sequences), sourceTurns);
        const results = run(pool, source, { ...options, signal: controller.signal });
        const reason = { why: 'enough' };
        let given = 0;
        const reading = (async () => {
          for await (const result of results) {
            checkStates(result);
            if (given++ === after && !isDuring) controller.abort(reason);
          }
        })();
        if (isDuring) {
          for (let turn = 0; turn < after; turn++) await nextTurn();
          controller.abort(reason);
        }
        await reading.then(
          () => assert.equal(given, sequences.length),
          (error: unknown) => assert.equal(error, reason),
        );
        await fake.idle();
        for (let turn = 0; turn < 10 && !source.isEnded; turn++) await nextTurn();
        assert.ok(source.isEnded || source.pulled === 0);
        // The pool is as good as new for others.
        for (const result of await all(run(pool, named(['MKV'])))) checkStates(result);
        await pool.close();
      }),
      { numRuns: 60 },
    ));

  it('ends when it is left, and ends its records, too', () =>
    fc.assert(
      fc.asyncProperty(interleavings, fc.nat(10), async (plan, after) => {
        const { sequences, devices, turns, sourceTurns, ...options } = plan;
        const fake = new FakeDevices({ devices, turns });
        const pool = await fake.openPool();
        const source = new SlowSource(named(sequences), sourceTurns);
        const results = run(pool, source, options);
        let given = 0;
        for await (const _ of results) if (given++ === after) break;
        assert.deepEqual(await results.next(), { done: true, value: undefined });
        await fake.idle();
        for (let turn = 0; turn < 10 && !source.isEnded; turn++) await nextTurn();
        assert.ok(source.isEnded);
        await pool.close();
      }),
      { numRuns: 60 },
    ));

  it('can be left while it waits for a record that never comes', async () => {
    const pool = await new FakeDevices(PLAN).openPool();
    let isClosed = false;
    const never: AsyncIterable<Named> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: async () => {
          isClosed = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const results = run(pool, never);
    const pending = results.next();
    await nextTurn();
    assert.deepEqual(await results.return(), { done: true, value: undefined });
    assert.deepEqual(await pending, { done: true, value: undefined });
    assert.ok(isClosed);
    await pool.close();
  });

  it('ends when the pool is closed or the last device is lost, after the results so far', async () => {
    const closed = await new FakeDevices(PLAN).openPool();
    const results = run(closed, named(Array<string>(100).fill('MKVLAAG')));
    await results.next();
    await closed.close();
    await assert.rejects(all(results), { code: 'VNP_CLOSED' });
    const lost = await new FakeDevices({ ...PLAN, lostAfter: [2, 3] }).openPool();
    const given: unknown[] = [];
    const reading = (async () => {
      for await (const result of run(lost, named(Array<string>(100).fill('MKVLAAG')))) {
        if (result.states) given.push(result);
      }
    })();
    await assert.rejects(reading, { code: 'VNP_DEVICE_LOST' });
    assert.ok(given.length >= 3 && given.length < 100);
    await lost.close();
  });
});
