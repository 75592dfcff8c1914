import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { matmulEfficiency } from '../../lib/engine/pool/linear-limit.js';
import { open } from '../../lib/index.js';
import type { OpenOptions, Prediction, PredictionResult, Predictor, RunEvent, WindowResult } from '../../lib/index.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { goldenTensors, largestDifference } from '../safetensors.js';

const TOLERANCE = 1e-5;
const INPUT = fixture('golden', 'end_to_end', 'input.fa');

async function all(prediction: Prediction): Promise<PredictionResult[]> {
  const results: PredictionResult[] = [];
  for await (const result of prediction) results.push(result);
  return results;
}

function windowsOf(results: readonly PredictionResult[]): WindowResult[] {
  return results.filter((result) => result.kind === 'window');
}

function framesOf(results: readonly PredictionResult[]): { id: string; scores: [number, number] }[] {
  return windowsOf(results).flatMap(({ contig, number, frames }) =>
    frames.map(({ frame, others, virus }) => ({
      id: `${contig}_chunk_${number}${frame}`,
      scores: [others, virus] as [number, number],
    })),
  );
}

/** The largest difference of scores; everything else must be equal. */
function difference(one: readonly PredictionResult[], other: readonly PredictionResult[]): number {
  const [frames, others] = [framesOf(one), framesOf(other)];
  assert.deepEqual(
    frames.map(({ id }) => id),
    others.map(({ id }) => id),
  );
  return largestDifference(
    frames.flatMap(({ scores }) => scores),
    others.flatMap(({ scores }) => scores),
  );
}

describe('a predictor', () => {
  let installed: InstalledModel;
  let predictor: Predictor;
  let golden: PredictionResult[];

  const openGolden = (options: Partial<OpenOptions> = {}): Promise<Predictor> =>
    open({ model: 'golden', models: installed.models, precision: 'fp32', devices: ['cpu'], threads: 1, ...options });

  before(async () => {
    installed = await installGoldenModel();
    predictor = await openGolden();
    golden = await all(predictor.predict(INPUT));
  });
  after(async () => {
    await predictor.close();
    installed.remove();
  });

  function write(text: string): string {
    const path = join(installed.models, 'input.fa');
    writeFileSync(path, text);
    return path;
  }

  it('gives the golden scores in the order of the input', () => {
    const ids = readFileSync(fixture('golden', 'end_to_end', 'input_identified_nucleotide.fa'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('>'))
      .map((line) => line.slice(1));
    const frames = framesOf(golden);
    assert.deepEqual(
      frames.map(({ id }) => id),
      ids,
    );
    const scores = goldenTensors(fixture('golden', 'end_to_end', 'embeddings.safetensors')).get('scores')!.values;
    assert.ok(
      largestDifference(
        frames.flatMap((frame) => frame.scores),
        scores,
      ) <= TOLERANCE,
    );
  });

  it('gives every window of the classic files, scored or not, and every record', () => {
    const chunks = readFileSync(fixture('golden', 'end_to_end', 'input_chunked500.fa'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('>'));
    assert.deepEqual(
      windowsOf(golden).map(({ contig, number }) => `>${contig}_chunk_${number}`),
      chunks,
    );
    const headers = readFileSync(INPUT, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('>'))
      .map((line) => line.slice(1).trimEnd());
    const contigs = golden.filter((result) => result.kind === 'contig');
    assert.deepEqual(
      contigs.map(({ header }) => header),
      headers,
    );
    assert.ok(contigs.every(({ source }) => source === INPUT));
  });

  it('accounts for records that have nothing to score', async () => {
    const frame = 'ATGGCTGCTAAAGGTCTGGCTCCAGAACGTGCT';
    const path = write(
      `>empty\n>unknown\n${'N'.repeat(600)}\n>short\nAC\n>same\n${frame}\n>same\n${frame}\n>\n${frame}\n`,
    );
    const prediction = predictor.predict(path);
    const results = await all(prediction);
    const contigs = results.filter((result) => result.kind === 'contig');
    assert.deepEqual(
      contigs.map(({ index, contig, status, verdict }) => [index, contig, status, verdict === 'none']),
      [
        [0, 'empty', 'empty', true],
        [1, 'unknown', 'no_frame', true],
        [2, 'short', 'no_frame', true],
        [3, 'same', 'scored', false],
        [4, 'same', 'scored', false],
        [5, '', 'scored', false],
      ],
    );
    for (const { status, reason } of contigs) assert.equal(reason === '', status === 'scored');
    const [one, other] = windowsOf(results).filter(({ contig }) => contig === 'same');
    assert.deepEqual(one!.frames, other!.frames);
    const { records, empty, windows, windowsScored, windowsNoFrame } = prediction.summary.counts;
    assert.deepEqual([records, empty, windows, windowsScored, windowsNoFrame], [6, 1, 6, 3, 3]);
  });

  it('gives nothing for an empty file', async () => {
    const prediction = predictor.predict(write(''));
    assert.deepEqual(await all(prediction), []);
    assert.equal(prediction.summary.counts.records, 0);
    assert.equal(prediction.summary.inputs.length, 1);
  });

  for (const [what, options] of [
    ['one frame a batch', { proteinBatchTokens: 1, dnaBatchTokens: 1 }],
    ['a few frames a batch', { proteinBatchTokens: 400, dnaBatchTokens: 300 }],
    ['everything in one batch', { proteinBatchTokens: 1e6, dnaBatchTokens: 1e6 }],
    ['two workers', { workers: 2, proteinBatchTokens: 300 }],
    ["the archive's own forward", { engine: 'torchscript' }],
  ] as [string, Partial<OpenOptions>][]) {
    it(`gives the same scores with ${what}`, async () => {
      const other = await openGolden(options);
      const prediction = other.predict(INPUT);
      assert.ok(difference(await all(prediction), golden) <= TOLERANCE);
      const { devices, counts } = prediction.summary;
      assert.equal(
        devices.reduce((sum, { frames }) => sum + frames, 0),
        counts.framesScored,
      );
      await other.close();
    });
  }

  it('works again after a loop was left early', async () => {
    for (const most of [0, 1, 7]) {
      let taken = 0;
      for await (const _ of predictor.predict(INPUT)) if (++taken > most) break;
    }
    assert.equal(difference(await all(predictor.predict(INPUT)), golden), 0);
  });

  it('works again after an input that it could not read', async () => {
    await assert.rejects(all(predictor.predict(join(installed.models, 'no such file'))), { code: 'VNP_INPUT_MISSING' });
    await assert.rejects(all(predictor.predict(write('no FASTA'))), { code: 'VNP_INPUT_FORMAT' });
    assert.equal(difference(await all(predictor.predict(INPUT)), golden), 0);
  });

  it('makes several runs at once, each with counts of its own', async () => {
    const other = await openGolden({ workers: 2, proteinBatchTokens: 300 });
    const runs = Array.from({ length: 4 }, () => other.predict(INPUT));
    for (const results of await Promise.all(runs.map(all))) assert.ok(difference(results, golden) <= TOLERANCE);
    for (const { summary } of runs) {
      const { framesScored } = summary.counts;
      const frames = summary.devices.reduce((sum, usage) => sum + usage.frames, 0);
      assert.deepEqual([framesScored, frames], [framesOf(golden).length, framesScored]);
    }
    await other.close();
  });

  it('lets a run finish while another is left waiting, then left early', async () => {
    for await (const _ of predictor.predict(INPUT)) {
      assert.equal(difference(await all(predictor.predict(INPUT)), golden), 0);
      break;
    }
    assert.equal(difference(await all(predictor.predict(INPUT)), golden), 0);
  });

  it('runs beside another', async () => {
    const other = await openGolden();
    const [one, two] = await Promise.all([all(predictor.predict(INPUT)), all(other.predict(INPUT))]);
    assert.equal(difference(one, golden), 0);
    assert.ok(difference(two, golden) <= TOLERANCE);
    await other.close();
  });

  it('reads any stream of bytes for standard input', async () => {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (const byte of readFileSync(INPUT)) yield Uint8Array.of(byte);
    }
    const results = await all(predictor.predict('-', { standardInput: bytes() }));
    assert.equal(difference(results, golden), 0);
    assert.ok(results.every((result) => result.kind === 'window' || result.source === '-'));
  });

  it('gives windows their letters when asked for', async () => {
    const [window] = windowsOf(await all(predictor.predict(INPUT, { sequences: true })));
    assert.equal(window!.sequences!.letters.length, 500);
    assert.equal(windowsOf(golden)[0]!.sequences, undefined);
  });

  it('calls by the thresholds of the run', async () => {
    const contigs = async (options: { threshold?: number; minFraction?: number }): Promise<string[]> =>
      (await all(predictor.predict(INPUT, options))).flatMap((result) =>
        result.kind === 'contig' && result.windowsScored > 0 ? [result.verdict] : [],
      );
    assert.ok((await contigs({ threshold: 0 })).every((verdict) => verdict === 'virus'));
    assert.ok((await contigs({ threshold: 1 })).every((verdict) => verdict === 'other'));
    assert.throws(() => predictor.predict(INPUT, { treshold: 0.7 } as object), { code: 'VNP_ARGUMENT' });
    for (const inputs of [5, undefined, {}] as unknown as string[]) {
      assert.throws(() => predictor.predict(inputs), { code: 'VNP_ARGUMENT' });
      assert.throws(() => predictor.predictFiles(inputs), { code: 'VNP_ARGUMENT' });
    }
    assert.throws(() => predictor.predictFiles([5] as unknown as string[]), { code: 'VNP_ARGUMENT' });
    assert.throws(() => predictor.predict(INPUT, { memoryWarning: 0 }), { code: 'VNP_ARGUMENT' });
    for (const threshold of [-0.1, 1.1, NaN, '1' as unknown as number]) {
      assert.throws(() => predictor.predict(INPUT, { threshold }), { code: 'VNP_ARGUMENT' });
      assert.throws(() => predictor.predict(INPUT, { minFraction: threshold }), { code: 'VNP_ARGUMENT' });
      assert.throws(() => predictor.predict(INPUT, { memoryWarning: threshold }), { code: 'VNP_ARGUMENT' });
    }
    for (const options of [null, 5, { signal: 5 }, { standardInput: 'x' }, { sequences: 'yes' }]) {
      assert.throws(
        () => predictor.predict(INPUT, options as object),
        { code: 'VNP_ARGUMENT' },
        JSON.stringify(options),
      );
    }
    // Refused input leaves nobody waiting.
    assert.equal((await all(predictor.predict(INPUT))).length, golden.length);
  });

  it('gives what is finished when its signal says so, then says why', async () => {
    const other = await openGolden({ proteinBatchTokens: 1, dnaBatchTokens: 1 });
    const enough = new AbortController();
    // More results than are buffered.
    const inputs = new Array<string>(20).fill(INPUT);
    const prediction = other.predict(inputs, { signal: enough.signal });
    const results: PredictionResult[] = [];
    const reason = new Error('enough of it');
    await assert.rejects(
      async () => {
        for await (const result of prediction) {
          if (results.push(result) === 3) enough.abort(reason);
        }
      },
      (error) => error === reason,
    );
    const { stopped } = prediction.summary;
    assert.deepEqual([stopped?.code, stopped?.cause], ['VNP_ABORTED', reason]);
    assert.ok(results.length >= 3 && results.length < 20 * golden.length, `${results.length}`);
    assert.deepEqual(
      windowsOf(results).map(({ contig, number, status }) => [contig, number, status]),
      inputs
        .flatMap(() => windowsOf(golden))
        .slice(0, windowsOf(results).length)
        .map(({ contig, number, status }) => [contig, number, status]),
    );
    // The predictor works again, and a prediction that is aborted before it begins gives nothing.
    assert.ok(difference(await all(other.predict(INPUT)), golden) <= TOLERANCE);
    await assert.rejects(all(other.predict(INPUT, { signal: AbortSignal.abort() })), { name: 'AbortError' });
    await other.close();
  });

  it('tells what happens, and how far it is', async () => {
    const events: RunEvent[] = [];
    const other = await openGolden({
      workers: 2,
      maxMemory: 2 ** 30,
      onEvent: (event) => {
        events.push(event);
        throw new Error('a listener that throws');
      },
    });
    const prediction = other.predict(INPUT, { progressInterval: 0.01, memoryWarning: 0.001 });
    assert.equal(prediction.status().frames, 0);
    await all(prediction);
    const names = events.map(({ event }) => event);
    assert.equal(names[0], 'loading');
    assert.deepEqual(
      events.flatMap((event) => (event.event === 'device' ? [[event.device, event.threads]] : [])),
      [
        ['cpu:0', 1],
        ['cpu:1', 1],
      ],
    );
    assert.deepEqual(
      events.flatMap((event) => (event.event === 'memory-pressure' ? [event.device] : [])),
      ['cpu'],
    );
    assert.equal(names.at(-1), 'memory');
    const { framesScored } = prediction.summary.counts;
    const { frames, framesFound, framesFailed, fraction, bytesRead, bytesTotal, workers } = prediction.status();
    assert.deepEqual([frames, framesFound, framesFailed], [framesScored, framesScored, 0]);
    assert.ok(bytesRead === bytesTotal && fraction! > 0.9 && fraction! <= 1);
    assert.equal(
      workers.reduce((sum, worker) => sum + worker.frames, 0),
      framesScored,
    );
    assert.ok(workers.every(({ stage, memory, isLost }) => stage === 'idle' && memory!.total > 0 && !isLost));
    await other.close();
  });

  it('ends with VNP_CLOSED once it is closed', async () => {
    const other = await openGolden({ proteinBatchTokens: 1, dnaBatchTokens: 1 });
    const running = other.predict(INPUT);
    const beside = assert.rejects(all(other.predict(new Array<string>(20).fill(INPUT))), { code: 'VNP_CLOSED' });
    let results = 0;
    await assert.rejects(
      async () => {
        for await (const result of running) {
          assert.notEqual(result.kind === 'window' && result.status, 'failed');
          if (++results === 3) await other.close();
        }
      },
      { code: 'VNP_CLOSED' },
    );
    assert.equal(results, 3);
    assert.equal(running.summary.stopped?.code, 'VNP_CLOSED');
    await beside;
    assert.throws(() => other.predict(INPUT), { code: 'VNP_CLOSED' });
    await other.close();
  });

  it('measures after a run how fast its linear layers alone are, and runs again', async () => {
    const prediction = predictor.predict(INPUT);
    for await (const _ of prediction) {
      await assert.rejects(predictor.measureLimits(), { code: 'VNP_BUSY' });
      break;
    }
    const whole = predictor.predict(INPUT);
    await all(whole);
    const measuring = predictor.measureLimits();
    assert.throws(() => predictor.predict(INPUT), { code: 'VNP_BUSY' });
    await measuring;
    const [usage] = whole.summary.devices;
    // The model is tiny: half a second is enough even on a busy machine.
    assert.ok(usage!.limit, JSON.stringify(usage));
    const fraction = matmulEfficiency(usage!, usage!.limit);
    assert.ok(fraction > 0 && Number.isFinite(fraction), String(fraction));
    assert.equal(difference(await all(predictor.predict(INPUT)), golden), 0);
  });

  it('is not opened with wrong options', async () => {
    for (const options of [
      { threads: 0 },
      { threads: 1.5 },
      { threads: 1e6 },
      { proteinBatchTokens: 0 },
      { dnaBatchTokens: NaN },
      { devices: [] },
      { devices: ['cpu', 'cpu'] },
      { devices: 'gpu' as 'cpu' },
      { workers: 0 },
      { workers: 1000 },
      { maxMemory: 0 },
      { precision: 'fp64' as 'fp32' },
      { engine: 'onnx' as 'packed' },
      { precison: 'fp32' } as object,
      { devices: 3 } as object,
      { devices: [0] } as object,
      { model: 7 } as object,
      { models: 5 } as object,
      { trust: 'yes' } as object,
      { onEvent: 'x' } as object,
    ]) {
      await assert.rejects(
        openGolden(options),
        { name: 'VirnucproError', code: 'VNP_ARGUMENT' },
        JSON.stringify(options),
      );
    }
    // Its weights alone need more.
    await assert.rejects(openGolden({ maxMemory: 1000 }), { name: 'VirnucproError', code: 'VNP_MEMORY' });
    await assert.rejects(openGolden({ devices: ['cuda:99'] }), { name: 'VirnucproError', code: 'VNP_DEVICE' });
    await assert.rejects(openGolden({ model: 'none' }), { name: 'VirnucproError', code: 'VNP_MODEL_MISSING' });
  });
});
