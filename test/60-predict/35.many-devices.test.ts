import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { FrameBatchTokens } from '../../lib/engine/addon.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import type { BatchOutcome } from '../../lib/engine/pool/scoring-work.js';
import { framesOf, scoreOf } from './fake-devices.js';
import { SimulatedDevices } from './simulated-devices.js';
import type { Simulation } from './simulated-devices.js';

const DEVICES = 8;
/** Maximum protein tokens of a frame, and frames of a batch. */
const MAX_TOKENS = 170;
const MAX_FRAMES = 24;

/** Batches of any size; the first DNA token of a frame is its number in the whole run. */
function batchesFrom(seed: number, count: number): FrameBatchTokens[] {
  const next = seededNumbers(seed);
  const upTo = (most: number): number => 1 + ((next() >>> 8) % most);
  let frame = 0;
  return Array.from({ length: count }, () => {
    const dna: number[] = [];
    const protein: number[] = [];
    const offsets = { dna: [0], protein: [0] };
    for (let frames = upTo(MAX_FRAMES); frames > 0; frames--) {
      dna.push(frame++, upTo(4096));
      for (let tokens = upTo(MAX_TOKENS); tokens > 0; tokens--) protein.push(upTo(20));
      offsets.dna.push(dna.length);
      offsets.protein.push(protein.length);
    }
    return {
      dna: { tokens: Int32Array.from(dna), offsets: Int32Array.from(offsets.dna) },
      protein: { tokens: Int32Array.from(protein), offsets: Int32Array.from(offsets.protein) },
    };
  });
}

interface Ended {
  readonly devices: SimulatedDevices;
  readonly batches: readonly FrameBatchTokens[];
  /** By batch; undefined for those that no device took. */
  readonly outcomes: readonly (BatchOutcome | undefined)[];
}

async function simulate(simulation: Simulation, batches: readonly FrameBatchTokens[]): Promise<Ended> {
  const devices = new SimulatedDevices(simulation);
  const share = (await devices.openPool()).share();
  const outcomes: Promise<BatchOutcome>[] = [];
  const submitting = (async () => {
    for (const batch of batches) outcomes.push((await share.submit(batch)).outcome);
    devices.hasMore = false;
  })().catch((error: unknown) => {
    // No device is left to take a batch.
    assert.equal((error as { code?: string }).code, 'VNP_DEVICE_LOST');
  });
  await devices.clock.run();
  await submitting;
  const settled = await Promise.all(outcomes);
  return { devices, batches, outcomes: batches.map((_, index) => settled[index]) };
}

const speeds = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: DEVICES, maxLength: DEVICES });
const sound = (speed: number) => ({ speed: 1000 * speed, memory: Infinity, lostAfter: Infinity });
const NO_FAILURES = { failsByChance: () => false, isPoisoned: () => false };

describe('eight devices of unequal speed', () => {
  it('have work as long as there is any, and end within one batch of each other', () =>
    fc.assert(
      fc.asyncProperty(speeds, fc.nat(), fc.integer({ min: 100, max: 400 }), async (all, seed, count) => {
        const { devices } = await simulate({ devices: all.map(sound), ...NO_FAILURES }, batchesFrom(seed, count));
        const end = devices.clock.now;
        const longest = Math.max(...devices.records.map((record) => record.longest));
        for (const [index, record] of devices.records.entries()) {
          assert.equal(record.starved, 0, `device ${index} waited`);
          assert.ok(end - record.idleSince <= longest + 1e-9, `device ${index} had nothing to do at the end`);
        }
      }),
      { numRuns: 30 },
    ));

  it('share the work by their speed: one that is as fast works as long, within one batch', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 10 }), fc.nat(), async (speed, seed) => {
        const devices = Array.from({ length: DEVICES }, () => sound(speed));
        const { records } = (await simulate({ devices, ...NO_FAILURES }, batchesFrom(seed, 300))).devices;
        const busy = records.map((record) => record.busy);
        const longest = Math.max(...records.map((record) => record.longest));
        assert.ok(Math.max(...busy) - Math.min(...busy) <= longest + 1e-9, JSON.stringify(busy));
      }),
      { numRuns: 20 },
    ));

  const failing = fc.record({
    speeds,
    seed: fc.nat(),
    /** Without the first device, which keeps working, so that there is always one. */
    lostAfter: fc.array(fc.oneof(fc.constant(Infinity), fc.nat(60)), {
      minLength: DEVICES - 1,
      maxLength: DEVICES - 1,
    }),
    memory: fc.array(fc.constantFrom(Infinity, 2000, 700), { minLength: DEVICES, maxLength: DEVICES }),
    poisonedOneIn: fc.constantFrom(Infinity, 2000, 100),
    chanceOneIn: fc.constantFrom(Infinity, 50, 7),
  });

  async function checkFailures(run: typeof failing extends fc.Arbitrary<infer Value> ? Value : never, count: number) {
    const isPoisoned = (tokens: Int32Array): boolean =>
      run.poisonedOneIn !== Infinity && tokens[0]! % run.poisonedOneIn === 1;
    const chance = seededNumbers(run.seed);
    const failsByChance = (): boolean => run.chanceOneIn !== Infinity && (chance() >>> 8) % run.chanceOneIn === 0;
    const devices = run.speeds.map((speed, index) => ({
      speed: 1000 * speed,
      memory: run.memory[index]!,
      lostAfter: index === 0 ? Infinity : run.lostAfter[index - 1]!,
    }));
    const ended = await simulate({ devices, failsByChance, isPoisoned }, batchesFrom(run.seed, count));
    const lost = ended.devices.events.filter(({ event }) => event === 'device-lost');
    let scored = 0;
    for (const [index, batch] of ended.batches.entries()) {
      const outcome = ended.outcomes[index];
      // By chance every device can come under suspicion; then none is left.
      if (!outcome) {
        assert.equal(lost.length, DEVICES);
        continue;
      }
      const failed = new Set(outcome.failures.flatMap(({ first, last }) => range(first, last)));
      framesOf(batch).forEach(({ dna, protein }, frame) => {
        const times = ended.devices.timesScored.get(dna[0]!) ?? 0;
        if (failed.has(frame)) {
          assert.ok(isPoisoned(dna) || run.chanceOneIn !== Infinity || lost.length === DEVICES);
          assert.equal(times, 0);
          assert.ok(Number.isNaN(outcome.scores[2 * frame]));
          return;
        }
        assert.ok(!isPoisoned(dna));
        assert.equal(times, 1, `frame ${dna[0]!} was scored ${times} times`);
        const { others, virus } = scoreOf(dna, protein);
        assert.deepEqual([...outcome.scores.slice(2 * frame, 2 * frame + 2)], [others, virus]);
        scored++;
      });
    }
    return { ...ended, scored };
  }

  it('lose nothing, compute nothing twice and mix nothing up, whatever fails', () =>
    fc.assert(
      fc.asyncProperty(failing, fc.integer({ min: 1, max: 150 }), async (run, count) => {
        await checkFailures(run, count);
      }),
      { numRuns: 60 },
    ));

  it('come through thousands of batches with all kinds of failures', async () => {
    const run = {
      speeds: [1, 2, 3, 4, 5, 6, 7, 8],
      seed: 7,
      lostAfter: [Infinity, 100, Infinity, 400, Infinity, 7, Infinity],
      memory: [2000, Infinity, 700, Infinity, 2000, Infinity, Infinity, 700],
      poisonedOneIn: 500,
      chanceOneIn: Infinity,
    };
    const { devices, batches, scored } = await checkFailures(run, 4000);
    const frames = batches.reduce((sum, { dna }) => sum + dna.offsets.length - 1, 0);
    assert.equal(scored, frames - Math.ceil((frames - 1) / 500));
    assert.deepEqual(devices.events.flatMap((event) => (event.event === 'device-lost' ? [event.device] : [])).sort(), [
      'simulated:2',
      'simulated:4',
      'simulated:6',
    ]);
    for (const kind of ['batch-split', 'batch-retried'] as const) {
      assert.ok(
        devices.events.some(({ event }) => event === kind),
        kind,
      );
    }
  });
});

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first }, (_, index) => first + index);
}
