import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { open } from '../../lib/index.js';
import type { OpenOptions, PredictionResult, Predictor, RunSummary, WindowResult } from '../../lib/index.js';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { largestDifference } from '../safetensors.js';

const TOLERANCE = 1e-5;

/** Letters with few stop codons. */
function lettersFrom(seed: number, length: number): string {
  const next = seededNumbers(seed);
  return Array.from({ length }, () => 'ACGC'[(next() >>> 8) % 4]).join('');
}

/** Two windows and a part of a third. */
const RECORDS = Array.from({ length: 30 }, (_, index) => ({ id: `r${index}`, sequence: lettersFrom(index, 1200) }));

async function all(results: AsyncIterable<PredictionResult>): Promise<PredictionResult[]> {
  const taken: PredictionResult[] = [];
  for await (const result of results) taken.push(result);
  return taken;
}

function windowsOf(results: readonly PredictionResult[]): WindowResult[] {
  return results.filter((result) => result.kind === 'window');
}

function scoresOf(windows: readonly WindowResult[]): number[] {
  return windows.flatMap(({ frames }) => frames.flatMap(({ others, virus }) => [others, virus]));
}

const sum = <One>(all: readonly One[], of: (one: One) => number): number =>
  all.reduce((total, one) => total + of(one), 0);

describe('many runs of one predictor at once', () => {
  let installed: InstalledModel;
  let predictor: Predictor;
  /** By a run alone. */
  let alone: PredictionResult[];

  const openGolden = (options: Partial<OpenOptions> = {}): Promise<Predictor> =>
    open({ model: 'golden', models: installed.models, precision: 'fp32', devices: ['cpu'], threads: 1, ...options });

  before(async () => {
    installed = await installGoldenModel();
    predictor = await openGolden({ maxDelay: 20 });
    alone = await all(predictor.predict(RECORDS));
  });
  after(async () => {
    await predictor.close();
    installed.remove();
  });

  it('give the scores that each would give alone', async () => {
    const runs = RECORDS.map((record) => predictor.predict([record]));
    const results = (await Promise.all(runs.map(all))).flat();
    const [windows, expected] = [windowsOf(results), windowsOf(alone)];
    assert.deepEqual(
      windows.map(({ contig, number, frames }) => [contig, number, frames.map(({ frame }) => frame)]),
      expected.map(({ contig, number, frames }) => [contig, number, frames.map(({ frame }) => frame)]),
    );
    assert.ok(largestDifference(scoresOf(windows), scoresOf(expected)) <= TOLERANCE);
    const usage = runs.flatMap(({ summary }) => summary.devices);
    assert.equal(
      sum(usage, ({ frames }) => frames),
      sum(windows, ({ frames }) => frames.length),
    );
    for (const { frames, seconds } of usage) assert.ok(frames > 0 && seconds.protein > 0 && seconds.dna > 0);
  });

  it('have counts of their own, with embeddings only for those that asked for them', async () => {
    const counted = (summary: RunSummary): number[] => [
      summary.framesDone,
      sum(summary.devices, ({ frames }) => frames),
    ];
    const reference = await all(predictor.predict(RECORDS.slice(0, 3), { embeddings: true }));
    const [plain, embedded] = [
      predictor.predict(RECORDS.slice(3, 6)),
      predictor.predict(RECORDS.slice(0, 3), { embeddings: true }),
    ];
    const [without, beside] = await Promise.all([all(plain), all(embedded)]);
    const embeddingsOf = (results: readonly PredictionResult[]) =>
      windowsOf(results).flatMap(({ frames }) => frames.map(({ embedding }) => embedding));
    assert.ok(embeddingsOf(without).every((embedding) => embedding === undefined));
    const [own, expected] = [embeddingsOf(beside), embeddingsOf(reference)];
    assert.equal(own.length, expected.length);
    const frames = own.length;
    for (const [index, embedding] of own.entries()) {
      assert.ok(largestDifference([...embedding!], [...expected[index]!]) <= TOLERANCE);
      // A result that is kept, or sent to another thread, carries the rows of its own run and of no other.
      assert.ok(embedding!.buffer.byteLength <= frames * embedding!.byteLength);
    }
    for (const { summary } of [plain, embedded]) assert.deepEqual(...pairOf(counted(summary)));
  });

  function pairOf([one, other]: number[]): [number, number] {
    return [one!, other!];
  }

  it('end with VNP_CLOSED when the predictor is closed', async () => {
    const other = await openGolden({ proteinBatchTokens: 500 });
    const many = RECORDS.flatMap((record) => Array.from({ length: 30 }, () => record));
    const runs = Array.from({ length: 12 }, () => all(other.predict(many)));
    runs.push(...RECORDS.map(async (record) => [(await other.predictOne(record)).contig]));
    const ended = Promise.allSettled(runs);
    await sleep(50);
    await other.close();
    for (const one of await ended) {
      // Some of the single ones may have ended before.
      assert.ok(
        one.status === 'fulfilled' ? one.value.length === 1 : (one.reason as { code: string }).code === 'VNP_CLOSED',
      );
    }
  });

  it('need a delay of up to a minute', async () => {
    for (const maxDelay of [-1, NaN, 60_001, '5' as unknown as number]) {
      await assert.rejects(openGolden({ maxDelay }), { code: 'VNP_ARGUMENT', message: /maxDelay/ });
    }
    const prompt = await openGolden({ maxDelay: 0 });
    assert.equal((await prompt.predictOne(RECORDS[0]!)).contig.status, 'scored');
    await prompt.close();
  });
});
