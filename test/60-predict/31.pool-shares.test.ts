import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { PackedTokens } from '../../lib/batches/tokens.js';
import type { FrameBatchTokens, Pool } from '../../lib/engine/addon.js';
import type { PoolShare } from '../../lib/engine/pool/pool-share.js';
import type { BatchOutcome } from '../../lib/engine/pool/scoring-work.js';
import { codeOf } from '../../lib/errors.js';
import { FakeDevices, scoreOf, stateOf, WIDTH } from './fake-devices.js';
import type { FrameKind, Plan } from './fake-devices.js';

const PROTEIN = [5, 6, 7];
/** Frames of one DNA token, which is their mark, and three protein tokens. */
function batchOf(...marks: readonly number[]): FrameBatchTokens {
  const offsets = (tokens: number): Int32Array => Int32Array.from({ length: marks.length + 1 }, (_, i) => i * tokens);
  return {
    dna: { tokens: Int32Array.from(marks), offsets: offsets(1) },
    protein: { tokens: Int32Array.from(marks.flatMap(() => PROTEIN)), offsets: offsets(PROTEIN.length) },
  };
}

const virusOf = (mark: number): number => scoreOf([mark], PROTEIN).virus;

async function outcomeOf(share: PoolShare, ...marks: readonly number[]): Promise<BatchOutcome> {
  return (await share.submit(batchOf(...marks))).outcome;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('clients that share a pool', () => {
  it('take turns, however much one of them has waiting', async () => {
    const devices = new FakeDevices({ devices: 1, turns: [1] });
    const pool = await devices.openPool();
    const done: string[] = [];
    const submit = (name: string, share: PoolShare): Promise<unknown> =>
      outcomeOf(share, 1).then(() => done.push(name));
    const large = pool.share();
    const all = Array.from({ length: 20 }, () => submit('large', large));
    // Three of them are on the device when the others come.
    await turn();
    for (const name of ['one', 'two', 'three']) all.push(submit(name, pool.share()));
    const again = pool.share();
    all.push(submit('again', again), submit('again', again));
    await Promise.all(all);
    const order = done.slice(0, 10).join(' ');
    assert.equal(order, 'large large large large one two three again large again');
    assert.equal(done.length, 25);
  });

  it('are not held up by one that is paused', async () => {
    const devices = new FakeDevices({ devices: 1, turns: [2] });
    const pool = await devices.openPool();
    const [paused, other] = [pool.share(), pool.share()];
    const waiting = Array.from({ length: 6 }, (_, mark) => outcomeOf(paused, mark));
    const others = [outcomeOf(other, 7)];
    await turn();
    paused.setPaused(true);
    for (let mark = 8; mark < 14; mark++) others.push(outcomeOf(other, mark));
    const scores = (await Promise.all(others)).map((outcome) => outcome.scores[1]);
    assert.deepEqual(scores, [7, 8, 9, 10, 11, 12, 13].map(virusOf));
    assert.equal(paused.usage[0]!.frames, 1, 'the batch that had begun');
    paused.setPaused(false);
    assert.deepEqual(
      (await Promise.all(waiting)).map((outcome) => outcome.scores[1]),
      [0, 1, 2, 3, 4, 5].map(virusOf),
    );
    assert.equal(devices.scoredFrames, 13);
  });

  it('keep their batches when one cancels its own', async () => {
    const devices = new FakeDevices({ devices: 2, turns: [3] });
    const pool = await devices.openPool();
    const [cancelled, other] = [pool.share(), pool.share()];
    const given = Array.from(
      { length: 10 },
      (_, mark) => [outcomeOf(cancelled, mark), outcomeOf(other, mark)] as const,
    );
    await turn();
    cancelled.cancel();
    const outcomes = await Promise.allSettled(given.map(([one]) => one));
    assert.ok(outcomes.some(({ status }) => status === 'rejected'));
    for (const one of outcomes) assert.ok(one.status === 'fulfilled' || codeOf(one.reason) === 'VNP_ABORTED');
    for (const [mark, [, one]] of given.entries()) assert.equal((await one).scores[1], virusOf(mark));
    assert.equal((await outcomeOf(cancelled, 77)).scores[1], virusOf(77));
  });

  it('each count only what was computed for them', async () => {
    const devices = new FakeDevices({ devices: 2, turns: [1, 0] });
    const pool = await devices.openPool();
    const [one, other] = [pool.share(), pool.share()];
    await Promise.all([outcomeOf(one, 1, 2), outcomeOf(other, 3), outcomeOf(one, 4)]);
    const told = ({ usage }: PoolShare): number[] => {
      const sum = (of: (worker: (typeof usage)[number]) => number): number => usage.reduce((all, w) => all + of(w), 0);
      return [sum((w) => w.batches), sum((w) => w.frames), sum((w) => w.dnaTokens), sum((w) => w.seconds.protein)];
    };
    assert.deepEqual(
      [told(one), told(other)],
      [
        [2, 3, 3, 4],
        [1, 1, 1, 2],
      ],
    );
  });

  it('learn of a lost device, unless they have closed their share', async () => {
    const devices = new FakeDevices({ devices: 2, turns: [0], lostAfter: [2] });
    const pool = await devices.openPool();
    const [early, late, idle] = [pool.share(), pool.share(), pool.share()];
    await outcomeOf(early, 1);
    early.close();
    while (devices.events.length === 0) await outcomeOf(late, 2);
    const isLost = ({ usage }: PoolShare): boolean[] => usage.map(({ lost }) => lost !== undefined);
    assert.deepEqual(
      [isLost(early), isLost(late)],
      [
        [false, false],
        [true, false],
      ],
    );
    await outcomeOf(idle, 3);
    assert.deepEqual(
      [isLost(idle), isLost(pool.share())],
      [
        [true, false],
        [true, false],
      ],
    );
  });

  it('have nothing computed, and nothing tried again, once they have closed their share', async () => {
    const devices = new FakeDevices({ devices: 1, turns: [2], isBroken: [true] });
    const pool = await devices.openPool();
    const share = pool.share();
    const outcomes = [outcomeOf(share, 1, 2), outcomeOf(share, 3, 4)];
    await turn();
    share.close();
    const settled = await Promise.allSettled(outcomes);
    assert.deepEqual(
      settled.map((one) => one.status === 'rejected' && codeOf(one.reason)),
      ['VNP_NATIVE', 'VNP_ABORTED'],
    );
    assert.deepEqual(devices.events, []);
    await assert.rejects(share.submit(batchOf(1)), { code: 'VNP_CLOSED' });
  });

  const actions = fc.array(
    fc.record({
      client: fc.nat(3),
      what: fc.constantFrom('submit', 'submit', 'submit', 'wait', 'wait', 'pause', 'resume', 'cancel'),
      frames: fc.integer({ min: 1, max: 6 }),
    }),
    { maxLength: 60 },
  );
  const plans: fc.Arbitrary<Plan> = fc.record({
    devices: fc.integer({ min: 1, max: 3 }),
    turns: fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }),
    memory: fc.constantFrom(Infinity, 9, 3),
    /** Never the first, so that one is left. */
    lostAfter: fc.constantFrom([], [Infinity, 0], [Infinity, 3, 1]),
    kindOf: fc.constantFrom(
      () => 'sound',
      (dna: ArrayLike<number>): FrameKind => (dna[0]! % 9 === 0 ? 'throws' : 'sound'),
    ),
  });

  it('get the outcome of every batch that they have not cancelled, whatever the others do', () =>
    fc.assert(
      fc.asyncProperty(plans, actions, async (plan, all) => {
        const devices = new FakeDevices(plan);
        const pool = await devices.openPool();
        const clients = Array.from({ length: 4 }, () => ({
          ...{ share: pool.share(), submitted: 0, scored: 0, hasCancelled: false },
          checks: [] as Promise<void>[],
        }));
        let mark = 1;
        for (const { client: number, what, frames } of all) {
          const client = clients[number]!;
          const { share } = client;
          if (what === 'wait') await turn();
          else if (what === 'pause' || what === 'resume') share.setPaused(what === 'pause');
          else if (what === 'cancel') {
            client.hasCancelled = true;
            share.cancel();
          } else {
            const marks = Array.from({ length: frames }, () => mark++);
            client.submitted += frames;
            const check = async (): Promise<void> => {
              const { scores, failures } = await outcomeOf(share, ...marks);
              for (const [index, one] of marks.entries()) {
                const isPoisoned = plan.kindOf!([one], PROTEIN) === 'throws';
                assert.ok(Object.is(scores[2 * index + 1], isPoisoned ? NaN : virusOf(one)));
                assert.equal(
                  failures.some(({ first, last }) => first <= index && index < last),
                  isPoisoned,
                );
                if (!isPoisoned) client.scored++;
              }
            };
            client.checks.push(
              check().catch((error: unknown) => {
                if (!client.hasCancelled || codeOf(error) !== 'VNP_ABORTED') throw error;
              }),
            );
          }
          for (const one of clients) {
            assert.ok(one.share.framesUnderway >= 0 && one.share.framesUnderway <= one.submitted);
          }
        }
        for (const { share } of clients) share.setPaused(false);
        await Promise.all(clients.flatMap(({ checks }) => checks));
        for (const { share, scored, hasCancelled } of clients) {
          const frames = share.usage.reduce((sum, usage) => sum + usage.frames, 0);
          // Of a batch that was cancelled, parts may have been scored.
          assert.ok(hasCancelled ? frames >= scored : frames === scored, `${frames} of ${scored}`);
          assert.equal(share.framesUnderway, 0);
        }
        const counted = clients.flatMap(({ share }) => share.usage).reduce((sum, { frames }) => sum + frames, 0);
        assert.equal(counted, devices.scoredFrames);
        assert.equal(devices.running, 0);
        assert.ok(devices.mostRunning <= 3 * plan.devices);
      }),
      { numRuns: 200 },
    ));
});

describe('sequences that the pool embeds', () => {
  const pools: readonly Pool[] = ['mean', 'tokens'];
  const LAYERS = [0, 4];
  /** Sequences of their number and any other tokens. */
  const sequences = fc.array(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 5 }), {
    minLength: 1,
    maxLength: 8,
  });

  function packed(all: readonly (readonly number[])[]): PackedTokens {
    const offsets = [0];
    for (const one of all) offsets.push(offsets.at(-1)! + one.length);
    return { tokens: Int32Array.from(all.flat()), offsets: Int32Array.from(offsets) };
  }

  it('come back whole, whatever had to be split or tried again', () =>
    fc.assert(
      fc.asyncProperty(sequences, fc.constantFrom(Infinity, 4), fc.boolean(), async (others, memory, isPoisoned) => {
        const all = others.map((one, index) => [100 + index, ...one]);
        const poison = (protein: ArrayLike<number>): boolean => isPoisoned && protein[0] === 102;
        const devices = new FakeDevices({
          ...{ devices: 2, turns: [1, 0], memory },
          kindOf: (_, protein) => (poison(protein) ? 'throws' : 'sound'),
        });
        const share = (await devices.openPool()).share();
        const accepted = await share.embed('protein', packed(all), { layers: LAYERS, pools });
        const { mean, tokens, cls, failures } = await accepted.outcome;
        const failed = all.map((one) => poison(one) || one.length > memory);
        assert.deepEqual(
          failed,
          all.map((_, index) => failures.some(({ first, last }) => first <= index && index < last)),
        );
        assert.equal(cls, undefined);
        if (failed.every((one) => one)) {
          assert.deepEqual([mean, tokens], [undefined, undefined]);
          return;
        }
        const missing = new Array<number>(WIDTH).fill(NaN);
        for (const [index, layer] of LAYERS.entries()) {
          const rows = all.map((one, sequence) => (failed[sequence] ? missing : stateOf(one, layer)));
          assert.deepEqual([...mean![index]!], rows.flat());
          const ofTokens = all.flatMap((one, sequence) =>
            one.map((token) => (failed[sequence] ? missing : stateOf([token], layer))),
          );
          assert.deepEqual([...tokens![index]!], ofTokens.flat());
        }
        const [usage] = [share.usage.reduce((sum, one) => sum + one.proteinTokens, 0)];
        assert.equal(
          usage,
          all.reduce((sum, one, sequence) => sum + (failed[sequence] ? 0 : one.length), 0),
        );
        assert.ok(share.usage.every(({ seconds, dnaTokens }) => seconds.protein >= 0 && dnaTokens === 0));
      }),
      { numRuns: 100 },
    ));
});
