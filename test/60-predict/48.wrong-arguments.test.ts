import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Embedder } from '../../lib/embed/embedder.js';
import { VirnucproError } from '../../lib/errors.js';
import * as benchmarkEntry from '../../lib/benchmark.js';
import * as diagnosticsEntry from '../../lib/diagnostics.js';
import * as mainEntry from '../../lib/index.js';
import * as modelsEntry from '../../lib/models.js';
import { Predictor } from '../../lib/predict/predictor.js';
import { fixture } from '../repository.js';

/** A public function with all its arguments right but one. */
interface Subject {
  readonly call: (argument: never) => unknown;
  /** Which of NONSENSE are right here: these are not tried. */
  readonly accepts?: readonly unknown[];
  /** Options that the function requires, if the argument is its options. */
  readonly options?: object;
}

const ITEMS = [{}];
const FUNCTION = () => 1;
const NONSENSE: readonly unknown[] = [undefined, 5, null, 'nonesuch', [], ITEMS, true, FUNCTION, { nonesuch: 1 }];
const EMPTY: readonly unknown[] = [[]];
/** An argument of options that all have defaults. */
const OPTIONAL = { accepts: [undefined], options: {} };

function nameOf(value: unknown): string {
  if (value === undefined) return 'undefined';
  return typeof value === 'function' ? 'a function' : JSON.stringify(value);
}

/** What a call throws at once, as its promise, or at the first step of an iteration. */
async function thrownBy(call: Subject['call'], argument: unknown): Promise<unknown> {
  try {
    const returned = Object(await call(argument as never)) as Partial<AsyncIterable<unknown>>;
    if (returned[Symbol.asyncIterator]) for await (const _ of returned as AsyncIterable<unknown>) break;
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('Wrong arguments of public functions', () => {
  let plan: mainEntry.RunPlan;
  let folder: string;
  let predictor: Predictor;
  let embedder: Embedder;
  let classifier: modelsEntry.EmbeddingClassifier;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-wrong-'));
    const options = { models: folder, model: 'virnucpro-mini' } as const;
    plan = await mainEntry.prepare({ ...options, inputs: fasta, devices: 'cpu' });
    predictor = await mainEntry.open({ ...options, devices: 'cpu' });
    embedder = await mainEntry.openEmbedder({ ...options, part: 'protein', devices: 'cpu' });
    classifier = await modelsEntry.EmbeddingClassifier.open(options);
  });

  after(async () => {
    await Promise.all([predictor, embedder, classifier].map((one) => one.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  const { checkInputs, describePlan, open, openEmbedder, prepare, writeResults } = mainEntry;
  const { createRandomModel, EmbeddingClassifier, importModel, inspectModel, listModels, removeModel, trustModel } =
    modelsEntry;
  const fasta = fixture('golden', 'end_to_end', 'input.fa');
  const noBytes = () => new Blob([]).stream();

  /** By the function's name, and the argument's where it is not the first. */
  const subjects: Readonly<Record<string, Subject>> = {
    open: { call: (argument) => open(argument), ...OPTIONAL },
    'open, handlers': { call: (argument) => open({ model: 'nonesuch' } as never, argument), accepts: [undefined] },
    'open, handlers of a plan': { call: (argument) => open(plan, argument), ...OPTIONAL },
    'Predictor.predict, options of a plan': {
      call: (argument) => predictor.predict(plan, argument),
      ...OPTIONAL,
    },
    prepare: { call: (argument) => prepare(argument), options: { inputs: fasta } },
    describePlan: { call: (argument) => describePlan(argument) },
    checkInputs: { call: (argument) => checkInputs(argument) },
    'checkInputs, options': {
      call: (argument) => checkInputs([fasta], argument),
      ...OPTIONAL,
    },
    openEmbedder: { call: (argument) => openEmbedder(argument), options: { part: 'dna' } },
    writeResults: { call: (argument) => writeResults(argument, join(folder, 'results')) },
    'writeResults, directory': {
      call: (argument) => writeResults(predictor.predict([]), argument),
      accepts: ['nonesuch'],
    },
    'writeResults, options': {
      call: (argument) => writeResults(predictor.predict([]), join(folder, 'results'), argument),
      ...OPTIONAL,
    },
    'Predictor.predict': { call: (argument) => predictor.predict(argument), accepts: EMPTY },
    'Predictor.predict, options': {
      call: (argument) => predictor.predict([], argument),
      ...OPTIONAL,
    },
    'Predictor.predictFiles': { call: (argument) => predictor.predictFiles(argument) },
    'Predictor.predictFiles, options': {
      call: (argument) => predictor.predictFiles(fasta, argument),
      ...OPTIONAL,
    },
    'Predictor.predictStream': { call: (argument) => predictor.predictStream(argument) },
    'Predictor.predictStream, options': {
      call: (argument) => predictor.predictStream(noBytes(), argument),
      ...OPTIONAL,
    },
    'Predictor.predictOne': { call: (argument) => predictor.predictOne(argument), accepts: ['nonesuch'] },
    'Predictor.predictOne, options': {
      call: (argument) => predictor.predictOne('ACGT', argument),
      ...OPTIONAL,
    },
    'Embedder.embed': { call: (argument) => embedder.embed(argument), accepts: EMPTY },
    'Embedder.embed, options': {
      call: (argument) => embedder.embed(['MK'], argument),
      ...OPTIONAL,
    },
    'Embedder.embed, a sequence': { call: (argument) => embedder.embed([argument]), accepts: ['nonesuch'] },
    'Embedder.embedTokens': { call: (argument) => embedder.embedTokens(argument), accepts: EMPTY },
    'Embedder.embedTokens, options': {
      call: (argument) => embedder.embedTokens(['MK'], argument),
      ...OPTIONAL,
    },
    'Embedder.stream': { call: (argument) => embedder.stream(argument), accepts: EMPTY },
    'Embedder.stream, options': {
      call: (argument) => embedder.stream([], argument),
      ...OPTIONAL,
    },
    'EmbeddingClassifier.open': {
      call: (argument) => EmbeddingClassifier.open(argument),
      ...OPTIONAL,
    },
    'EmbeddingClassifier.classify': { call: (argument) => classifier.classify(argument) },
    createRandomModel: {
      call: (argument) => createRandomModel(argument),
      options: { name: 'made', protein: 'esm2_tiny', dna: 'dnabert_tiny' },
    },
    importModel: {
      call: (argument) => importModel(argument),
      options: { name: 'made', protein: fixture('golden', 'esm2', 'esm2_t3_tiny.pt') },
    },
    inspectModel: { call: (argument) => inspectModel(argument), accepts: [undefined] },
    'inspectModel, options': {
      call: (argument) => inspectModel(undefined, argument),
      ...OPTIONAL,
    },
    listModels: { call: (argument) => listModels(argument), ...OPTIONAL },
    removeModel: { call: (argument) => removeModel(argument) },
    'removeModel, options': {
      call: (argument) => removeModel('nonesuch', argument),
      ...OPTIONAL,
    },
    trustModel: { call: (argument) => trustModel(argument) },
    'trustModel, options': {
      call: (argument) => trustModel('nonesuch', argument),
      ...OPTIONAL,
    },
    diagnose: { call: (argument) => diagnosticsEntry.diagnose(argument), ...OPTIONAL },
    benchmark: { call: (argument) => benchmarkEntry.benchmark(argument), options: { part: 'dna' } },
    matmulEfficiency: { call: (argument) => benchmarkEntry.matmulEfficiency(argument, { dna: 1, protein: 1 }) },
  };

  for (const [name, { call, accepts = [], options }] of Object.entries(subjects)) {
    it(`${name}: each gives a VirnucproError`, async () => {
      for (const wrong of NONSENSE.filter((value) => !accepts.some((one) => nameOf(one) === nameOf(value)))) {
        const thrown = await thrownBy(call, wrong);
        assert.ok(thrown instanceof VirnucproError, `${nameOf(wrong)} gives ${String(thrown)}`);
      }
    });

    if (options === undefined) continue;
    it(`${name}: so does every option`, async () => {
      const refusal = await thrownBy(call, { ...options, nonesuch: 1 });
      const names = /^Expected options named (.+) for .+ but received "nonesuch"$/.exec(
        (refusal as Error).message,
      )?.[1];
      assert.ok(names, `${String(refusal)} does not list the names`);
      for (const option of names.split(', ')) {
        const thrown = await thrownBy(call, { ...options, [option]: { nonesuch: 1 } });
        assert.ok(thrown instanceof VirnucproError, `${option} gives ${String(thrown)}`);
        assert.match(thrown.code, /^VNP_(ARGUMENT|USAGE)$/, `${option}: ${thrown.message}`);
      }
    });
  }

  it('are tried with every public function that has arguments', () => {
    const withoutArguments = ['versions', 'devices', 'VirnucproError'];
    const entries = [mainEntry, modelsEntry, diagnosticsEntry, benchmarkEntry].flatMap((entry) =>
      Object.entries(entry),
    );
    const functions = entries.filter(([, value]) => typeof value === 'function').map(([name]) => name);
    // `run` is internal.
    const withoutArgumentsOfClasses = ['constructor', 'close', 'measureLimits', 'run'];
    const methods = [Predictor, Embedder, EmbeddingClassifier].flatMap(({ name, prototype }) =>
      Object.entries(Object.getOwnPropertyDescriptors(prototype))
        .filter(([method, { value }]) => typeof value === 'function' && !withoutArgumentsOfClasses.includes(method))
        .map(([method]) => `${name}.${method}`),
    );
    const tried = Object.keys(subjects).flatMap((name) => [name, name.split('.')[0]]);
    const missing = [...functions, ...methods].filter((name) => ![...tried, ...withoutArguments].includes(name));
    assert.deepEqual(missing, []);
  });
});
