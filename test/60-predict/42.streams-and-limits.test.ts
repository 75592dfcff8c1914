import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { open } from '../../lib/index.js';
import type { InputRecord, Prediction, PredictionResult, Predictor } from '../../lib/index.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { all, content, FRAME, INPUT, RECORDS, recordsOf } from './memory-records.js';

describe('streams, single sequences and limits', () => {
  let installed: InstalledModel;
  let predictor: Predictor;
  before(async () => {
    installed = await installGoldenModel();
    const exact = { models: installed.models, precision: 'fp32', devices: 'cpu', threads: 1 } as const;
    predictor = await open({ model: 'golden', ...exact });
  });
  after(async () => {
    await predictor.close();
    installed.remove();
  });

  it('of bytes are read as their file is: compressed or not, in blocks of any size', async () => {
    const bytes = readFileSync(INPUT);
    const ofFile = (await all(predictor.predictFiles(INPUT))).map(content);
    const blocks = (whole: Buffer): Buffer[] =>
      Array.from({ length: Math.ceil(whole.length / 100) }, (_, index) =>
        whole.subarray(100 * index, 100 * index + 100),
      );
    for (const stored of [bytes, gzipSync(bytes)]) {
      const web = new Blob([Uint8Array.from(stored)]).stream();
      for (const stream of [Readable.from(blocks(stored)), web]) {
        const results = await all(predictor.predictStream(stream));
        assert.ok(results.every(({ source }) => source === 'stream'));
        assert.ok(results.every((result) => (result as PredictionResult).record === undefined));
        assert.deepEqual(results.map(content), ofFile);
      }
    }
    await assert.rejects(all(predictor.predictStream(Readable.from(['>text\n']))), {
      code: 'VNP_ARGUMENT',
      message: /blocks of bytes for input stream but received string/,
    });
    await assert.rejects(all(predictor.predictStream(Readable.from([Buffer.from('no FASTA')]), { source: 'upload' })), {
      code: 'VNP_INPUT_FORMAT',
      message: /^Input upload is neither FASTA/,
    });
    assert.throws(() => predictor.predictStream('x' as unknown as Readable), { code: 'VNP_ARGUMENT' });
  });

  it('that wait end with the run', async () => {
    let isCancelled = false;
    const web = new ReadableStream<Uint8Array>({ cancel: () => void (isCancelled = true) });
    await assert.rejects(all(predictor.predictStream(web, { signal: AbortSignal.timeout(50) })), {
      name: 'TimeoutError',
    });
    await sleep(10);
    assert.ok(isCancelled);
  });

  it('are predicted one by one', async () => {
    const { contig, windows } = await predictor.predictOne(FRAME.repeat(40));
    assert.deepEqual([contig.contig, contig.status, contig.length], ['sequence', 'scored', FRAME.length * 40]);
    assert.equal(windows.length, contig.windows);
    const mine = { id: 'mine', sequence: Buffer.from(FRAME), from: 'here' };
    const one = await predictor.predictOne(mine);
    assert.equal(one.contig.record.from, 'here');
    assert.equal(one.windows[0]!.record, mine);
    assert.equal((await predictor.predictOne('EEE')).contig.status, 'invalid');
    await assert.rejects(predictor.predictOne(5 as unknown as string), { code: 'VNP_ARGUMENT' });
    await assert.rejects(predictor.predictOne(FRAME, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });

  it('are invalid beyond maxRecordLength, wherever they come from', async () => {
    const sequence = FRAME.repeat(10);
    const limits = [sequence.length, sequence.length - 1];
    for (const maxRecordLength of limits) {
      const isLong = maxRecordLength < sequence.length;
      const fasta = `>long\n${sequence.replace(/(.{60})/g, '$1\n')}\n>short\n${FRAME}\n`;
      const fastq = `@long\n${sequence}\n+\n${'I'.repeat(sequence.length)}\n@short\n${FRAME}\n+\n${'I'.repeat(FRAME.length)}\n`;
      const records = recordsOf(fasta);
      const stream = (text: string): Readable =>
        Readable.from(text.match(/[^]{1,50}/g)!.map((part) => Buffer.from(part)));
      for (const prediction of [
        predictor.predict(records, { maxRecordLength }),
        predictor.predictStream(stream(fasta), { maxRecordLength }),
        predictor.predictStream(stream(fastq), { maxRecordLength }),
      ] as Prediction[]) {
        const contigs = (await all(prediction)).filter((result) => result.kind === 'contig');
        assert.deepEqual(
          contigs.map(({ status, length }) => [status, length]),
          [
            [isLong ? 'invalid' : 'scored', sequence.length],
            ['scored', FRAME.length],
          ],
        );
        const reason = `longer than maxRecordLength: ${sequence.length} letters, not at most ${maxRecordLength}`;
        assert.equal(contigs[0]!.reason, isLong ? reason : '');
      }
    }
    assert.throws(() => predictor.predict([], { maxRecordLength: 0 }), { code: 'VNP_ARGUMENT' });
  });

  it('end the run beyond maxInputBytes, after the results so far', async () => {
    const bytes = readFileSync(INPUT);
    const half = Math.floor(bytes.length / 2);
    const blocks = [bytes.subarray(0, half), bytes.subarray(half)];
    const limit = { code: 'VNP_INPUT_LIMIT', message: /beyond `maxInputBytes`, \d+ bytes/ };
    for (const [predict, most] of [
      [(maxInputBytes: number) => predictor.predictStream(Readable.from(blocks), { maxInputBytes }), half],
      [(maxInputBytes: number) => predictor.predict(RECORDS, { maxInputBytes }), half],
      [(maxInputBytes: number) => predictor.predictFiles([INPUT, INPUT], { maxInputBytes }), bytes.length],
    ] as const) {
      const seen: PredictionResult[] = [];
      await assert.rejects(async () => {
        for await (const result of predict(most)) seen.push(result);
      }, limit);
      assert.ok(seen.length > 0);
      assert.ok((await all<unknown>(predict(2 * bytes.length))).length > seen.length);
    }
    // A small archive of a large input is no way around it.
    const archive = gzipSync(Buffer.from(`>a\n${'A'.repeat(1e6)}\n`));
    const bomb = predictor.predictStream(Readable.from([archive]), { maxInputBytes: 2 * archive.length });
    await assert.rejects(all(bomb), limit);
  });

  it('say how far they are, and end at 1', async () => {
    for (const start of [
      (onProgress: (fraction: number | undefined) => void) => predictor.predict(RECORDS, { onProgress }),
      (onProgress: (fraction: number | undefined) => void) => predictor.predictFiles(INPUT, { onProgress }),
      (onProgress: (fraction: number | undefined) => void) => predictor.predict([], { onProgress }),
    ]) {
      const fractions: (number | undefined)[] = [];
      const prediction = start((fraction) => {
        fractions.push(fraction);
        throw new Error('a listener that throws');
      });
      await all<unknown>(prediction);
      assert.equal(fractions.at(-1), 1);
      assert.equal(prediction.status().fraction, 1);
    }
    const fractions: (number | undefined)[] = [];
    for await (const _ of predictor.predict(RECORDS, { onProgress: (fraction) => fractions.push(fraction) })) break;
    assert.deepEqual(fractions, []);
  });

  it('give results that are plain data', async () => {
    const records = [...RECORDS, { id: 'invalid', sequence: 'E' }, { id: 'empty', sequence: '' }];
    const options = { sequences: true, embeddings: true };
    const results = await all(predictor.predict(records, options));
    for (const result of results) assert.deepEqual(structuredClone(result), result);
    const statuses = new Set(results.map(({ kind, status }) => `${kind} ${status}`));
    assert.deepEqual([...statuses].sort(), [
      ...['contig empty', 'contig invalid', 'contig no_frame', 'contig scored'],
      ...['window no_frame', 'window scored'],
    ]);
  });

  it('are iterated once, and letters of contigs are read on the way', async () => {
    const prediction = predictor.predict(RECORDS);
    const letters: string[] = [];
    let last: PredictionResult<InputRecord> | undefined;
    for await (const result of prediction) {
      if (result.kind === 'window') continue;
      letters.push(Buffer.from(prediction.readSequence(result)).toString());
      assert.equal(Buffer.from(prediction.readSequence(result, 0, 3)).toString(), letters.at(-1)!.slice(0, 3));
      if (last?.kind === 'contig') {
        const earlier = last;
        assert.throws(() => prediction.readSequence(earlier), { code: 'VNP_CLOSED' });
      }
      last = result;
    }
    assert.deepEqual(
      letters,
      RECORDS.map(({ sequence }) => (sequence as string).replace(/\s/g, '')),
    );
    await assert.rejects(all(prediction), { code: 'VNP_ARGUMENT', message: /one iteration/ });
  });

  it('are logged by any logger, at the level of each message', async () => {
    const lines: [level: string, message: string][] = [];
    const level = (name: string) => (message: string) => {
      lines.push([name, message]);
      throw new Error('a logger that throws');
    };
    const logger = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
    const events: string[] = [];
    const options = { model: 'golden', models: installed.models, devices: 'cpu', threads: 1 } as const;
    await using own = await open({ ...options, logger, onEvent: ({ event }) => events.push(event) });
    await own.predictOne(FRAME);
    assert.equal(lines.length, events.length);
    assert.ok(lines.some(([name, message]) => name === 'info' && /^loading model golden, windows of/.test(message)));
    assert.ok(events.includes('memory'));
    const wrong = { ...logger, warn: undefined } as unknown as typeof logger;
    await assert.rejects(open({ ...options, logger: wrong }), { code: 'VNP_ARGUMENT', message: /debug, info, warn/ });
  });

  it('need no close with await using', async () => {
    let kept: Predictor;
    {
      const options = { model: 'golden', models: installed.models, devices: 'cpu', threads: 1 } as const;
      await using own = await open(options);
      kept = own;
      assert.equal((await own.predictOne(FRAME)).contig.status, 'scored');
    }
    assert.throws(() => kept.predict([]), { code: 'VNP_CLOSED' });
  });
});
