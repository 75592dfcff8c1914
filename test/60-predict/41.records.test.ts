import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { open } from '../../lib/index.js';
import type { InputRecord, PredictionResult, Predictor } from '../../lib/index.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { all, content, FRAME, INPUT, RECORDS } from './memory-records.js';

/** Which of the caller's iterator was called, and how often. */
function watched(count = Infinity) {
  const calls = { next: 0, return: 0 };
  const iterator: AsyncIterableIterator<InputRecord> = {
    next: () => {
      calls.next++;
      if (calls.next > count) return Promise.resolve({ done: true, value: undefined });
      return Promise.resolve({ done: false, value: { id: `r${calls.next}`, sequence: FRAME.repeat(3) } });
    },
    return: () => {
      calls.return++;
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return { calls, records: iterator };
}

describe('records in memory', () => {
  let installed: InstalledModel;
  let predictor: Predictor;
  let ofFile: object[];

  before(async () => {
    installed = await installGoldenModel();
    const small = { proteinBatchTokens: 300, dnaBatchTokens: 300 };
    predictor = await open({
      ...{ model: 'golden', models: installed.models, precision: 'fp32', devices: 'cpu', threads: 1 },
      ...small,
    });
    ofFile = (await all(predictor.predictFiles(INPUT))).map(content);
  });
  after(async () => {
    await predictor.close();
    installed.remove();
  });

  it('give the results of their file, however they come', async () => {
    async function* slowly() {
      for (const record of RECORDS) {
        await sleep(0);
        yield record;
      }
    }
    for (const records of [RECORDS, new Set(RECORDS), RECORDS.values(), slowly(), Readable.from(RECORDS)]) {
      assert.deepEqual((await all(predictor.predict(records))).map(content), ofFile);
    }
  });

  it('may be an iterable with `results` of its own, as a plan has', async () => {
    const records = Object.assign([...RECORDS], { results: 7 });
    assert.deepEqual((await all(predictor.predict(records))).map(content), ofFile);
  });

  it('give the results of any FASTA file with the same lines', async () => {
    const line = fc.string({ unit: fc.constantFrom(...'ACGTacgtNUu-.* \tRX;#!15E>é'), maxLength: 30 });
    const lines = fc.array(
      fc.oneof({ weight: 3, arbitrary: fc.constantFrom(FRAME, FRAME.toLowerCase(), `1 ${FRAME} 33`) }, line),
      { maxLength: 4 },
    );
    // A header ends a record of a file, but not one in memory.
    const sequence = fc
      .tuple(lines, fc.constantFrom('\n', '\r\n', '\r'))
      .map(([texts, end]) => texts.map((text) => text + end).join(''))
      .filter((text) => !/(?:^|[\r\n])[ \t]*>/.test(text));
    const records = fc.array(fc.record({ id: fc.constantFrom('a', 'b', 'c.1'), sequence }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(records, fc.boolean(), async (some, asBytes) => {
        // A file of protein alone is refused as a whole.
        const given = [...some, ...some.map(() => ({ id: 'dna', sequence: FRAME })), { id: 'dna', sequence: FRAME }];
        const fasta = Buffer.from(given.map(({ id, sequence: text }) => `>${id}\n${text}\n`).join(''));
        const expected = await all(predictor.predictStream(Readable.from([fasta])));
        const inMemory: InputRecord[] = asBytes
          ? given.map((one) => ({ ...one, sequence: Buffer.from(one.sequence) }))
          : given;
        const results = await all(predictor.predict(inMemory));
        // Reasons name lines, which a record in memory counts from its own start.
        const withoutPlace = (result: PredictionResult): object => ({
          ...content(result),
          reason: result.reason.replace(/,? (in|from) line .*|a ">".*/, ''),
        });
        assert.deepEqual(results.map(withoutPlace), expected.map(withoutPlace));
      }),
      { numRuns: 60 },
    );
  });

  it('come back with their results, the very objects', async () => {
    const given = [
      { id: 'one', sequence: FRAME, sample: 7 },
      { id: 'two words', sequence: Buffer.from(`${FRAME}${FRAME}`), sample: 8 },
    ];
    const results = await all(predictor.predict(given, { source: 'my database' }));
    assert.deepEqual(
      results.map(({ kind, contig, index, source, record }) => [kind, contig, index, source, record.sample]),
      [
        ['window', 'one', 0, 'my database', 7],
        ['contig', 'one', 0, 'my database', 7],
        ['window', 'two words', 1, 'my database', 8],
        ['contig', 'two words', 1, 'my database', 8],
      ],
    );
    for (const result of results) assert.equal(result.record, given[result.index]);
    assert.deepEqual(await all(predictor.predict([])), []);
  });

  it('are invalid if their letters are no nucleotides, with the place', async () => {
    const sequences = ['ACGTE', 'MKVLLEEFQQ', '>one\nACGT', 'ACGÉ', 'AC\nGT 12 A', '  \n', 'ac-g.t u*', 'Ł'];
    const results = await all(predictor.predict(sequences.map((sequence, index) => ({ id: `r${index}`, sequence }))));
    const contigs = results.filter((result) => result.kind === 'contig');
    assert.deepEqual(
      contigs.map(({ status, reason, length }) => [status, reason, length]),
      [
        ['invalid', 'protein where DNA was expected (1 of 5 letters stand for amino acids only)', 5],
        ['invalid', 'protein where DNA was expected (7 of 10 letters stand for amino acids only)', 10],
        [
          'invalid',
          'a ">" in line 1, column 1: FASTA text is for predictStream, where every record begins with one',
          8,
        ],
        ['invalid', 'a byte that is not a nucleotide letter (0xc3) in line 1, column 4', 5],
        ['invalid', 'a byte that is not a nucleotide letter (1, 0x31) in line 2, column 4', 5],
        ['empty', 'the record has no letters', 0],
        ['scored', '', 5],
        ['invalid', 'a byte that is not a nucleotide letter (0xc5) in line 1, column 1', 2],
      ],
    );
    assert.deepEqual([contigs[6]!.gaps, contigs[6]!.uracil], [2, 1]);
  });

  it('that are none end the run with their index, after the results before them', async () => {
    for (const [wrong, message] of [
      [5, /an object with an id and a sequence for the record at index 1 but received number/],
      [null, /received null/],
      [{ id: 5, sequence: 'ACGT' }, /the id of the record at index 1 but received number/],
      [{ id: '', sequence: 'ACGT' }, /received ""/],
      [{ id: 'a\nb', sequence: 'ACGT' }, /without control characters .* received "a\\nb"/],
      [{ id: 'x' }, /a string or a Uint8Array for the sequence of the record at index 1 but received undefined/],
      [{ id: 'x', sequence: [65] }, /received object/],
    ] as [InputRecord, RegExp][]) {
      const seen: string[] = [];
      await assert.rejects(
        async () => {
          for await (const { kind } of predictor.predict([{ id: 'x', sequence: FRAME }, wrong])) seen.push(kind);
        },
        { code: 'VNP_ARGUMENT', message },
      );
      assert.deepEqual(seen, ['window', 'contig']);
    }
    assert.throws(() => predictor.predict([], { source: '-' }), { code: 'VNP_ARGUMENT' });
    assert.throws(() => predictor.predict([], { standardInput: Readable.from([]) } as object), {
      code: 'VNP_ARGUMENT',
    });
  });

  it('are copied as they are taken: what happens to their bytes later does not matter', async () => {
    const shared = Buffer.alloc(FRAME.length);
    function* records() {
      for (let number = 0; number < 5; number++) {
        shared.write(FRAME);
        yield { id: 'same', sequence: shared };
        shared.fill('N');
      }
    }
    const results = await all(predictor.predict(records()));
    assert.ok(results.every(({ status }) => status === 'scored'));
  });

  it('are taken only as the devices have room for them and results are asked for', async () => {
    const { calls, records } = watched();
    let seen = 0;
    for await (const result of predictor.predict(records)) {
      if (result.kind !== 'contig') continue;
      // What is pending is bounded by the batches, whatever the number of records.
      assert.ok(calls.next - ++seen < 300, `${calls.next} taken for ${seen} results`);
      if (seen < 100) continue;
      const taken = calls.next;
      await sleep(100);
      assert.equal(calls.next, taken);
      break;
    }
    assert.deepEqual(calls.return, 1);
    const whole = watched(3);
    await all(predictor.predict(whole.records));
    assert.deepEqual(whole.calls, { next: 4, return: 0 });
  });

  it('give their results while the next record is awaited, one by one', async () => {
    const never = new Promise<never>(() => undefined);
    const answers = new EventEmitter();
    let returned = 0;
    async function* conversation() {
      for (let number = 1; number <= 3; number++) {
        yield { id: `r${number}`, sequence: number === 2 ? 'E' : FRAME };
        await once(answers, 'answer');
      }
    }
    const contigs: string[] = [];
    for await (const result of predictor.predict(conversation())) {
      if (result.kind !== 'contig') continue;
      contigs.push(result.contig);
      answers.emit('answer');
    }
    assert.deepEqual(contigs, ['r1', 'r2', 'r3']);
    // A loop is left at once, whatever the records wait for.
    const records = [{ id: 'r1', sequence: FRAME }];
    const waiting: AsyncIterableIterator<InputRecord> = {
      next: () => (records.length > 0 ? Promise.resolve({ done: false, value: records.pop()! }) : never),
      return: () => {
        returned++;
        return never;
      },
      [Symbol.asyncIterator]: () => waiting,
    };
    const prediction = predictor.predict(waiting);
    for await (const { kind } of prediction) if (kind === 'contig') break;
    assert.deepEqual([returned, prediction.summary.stopped], [1, undefined]);
  });

  it('are released when the run is aborted, even while they wait', async () => {
    const { calls, records } = watched();
    const waiting = { ...records, next: () => (calls.next < 3 ? records.next() : new Promise<never>(() => undefined)) };
    const enough = new AbortController();
    const reason = new Error('enough');
    const prediction = predictor.predict({ [Symbol.asyncIterator]: () => waiting }, { signal: enough.signal });
    setTimeout(() => enough.abort(reason), 100);
    const seen: number[] = [];
    await assert.rejects(
      async () => {
        for await (const { index } of prediction) seen.push(index);
      },
      (error) => error === reason,
    );
    assert.equal(calls.return, 1);
    const stream = new Readable({ objectMode: true, read: () => undefined });
    await assert.rejects(all(predictor.predict(stream, { signal: AbortSignal.timeout(50) })), { name: 'TimeoutError' });
    assert.ok(stream.destroyed);
  });

  it('whose source fails give the results before, then the very error', async () => {
    const broken = new Error('the database is gone');
    function* sync() {
      yield* RECORDS.slice(0, 2);
      throw broken;
    }
    async function* asynchronous() {
      yield* sync();
    }
    const expected = ofFile.filter((result) => (result as { index: number }).index < 2);
    for (const records of [sync, asynchronous]) {
      const prediction = predictor.predict(records());
      const seen: object[] = [];
      await assert.rejects(
        async () => {
          for await (const result of prediction) seen.push(content(result));
        },
        (error) => error === broken,
      );
      assert.deepEqual(seen, expected);
      assert.deepEqual(
        [prediction.summary.stopped?.code, prediction.summary.stopped?.cause],
        ['VNP_INPUT_MISSING', broken],
      );
    }
    assert.deepEqual((await all(predictor.predict(RECORDS))).map(content), ofFile);
  });
});
