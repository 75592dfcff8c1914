/**
 * Every call of the native contract, with values that no type checker would accept, in a process of its own:
 * node hostile-calls.js MODEL-FOLDER. Prints the number of calls, and each call that neither returned nor failed with a
 * code; the parent process notices a crash.
 */
import { setMaxListeners } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { NativeWorker } from '../../lib/engine/addon.js';
import { openModel } from '../../lib/models/folder/model-folder.js';
import { randomParameters } from '../../lib/models/random/random-contents.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { LAST_MEAN, openOnCpu, pack } from '../golden-model.js';
import { HOSTILE, hostileArrays, mistreated, resizableBuffer } from './hostile-values.js';

const CODES = new Set(
  ['ARGUMENT', 'CLOSED', 'ABORTED', 'DEVICE', 'MEMORY', 'MODEL_INVALID', 'OUTPUT', 'CHECKPOINT'].map(
    (code) => `VNP_${code}`,
  ),
);
const TURNS = 2;

const { addon } = loadAddon();
const folder = process.argv[2]!;
const model = await openModel(folder);
const faults: string[] = [];
let calls = 0;

/** Thrown by the caller's own getters; must come back unchanged. */
const THROWN = 'thrown by a getter';

function judge(what: string, error: unknown): void {
  if (error === THROWN) return;
  const { code, message } = error as { code?: string; message?: string };
  if (!(error instanceof Error) || code === undefined || !CODES.has(code)) faults.push(`${what}: ${String(error)}`);
  else if (!(code === 'VNP_ARGUMENT' ? /^Expected [^\n]{1,600}$/ : /^[^\n]{1,600}$/).test(message ?? '')) {
    faults.push(`${what}: ${message}`);
  }
}

/** Makes the call and awaits its promise. */
async function call(what: string, make: () => unknown): Promise<void> {
  calls++;
  try {
    await make();
  } catch (error) {
    judge(what, error);
  }
}

type Call = (...words: readonly unknown[]) => unknown;

/** A method without its types. */
function untyped(object: object, name: string): Call {
  return (...words) => Reflect.apply(Reflect.get(object, name) as Call, object, words);
}

/** Replaces every argument of the call in turn, as a whole and in each of its fields. */
async function eachArgument(what: string, right: readonly unknown[], make: Call): Promise<void> {
  for (const [position, argument] of right.entries()) {
    for (const [name, value] of mistreated(argument, THROWN)) {
      const words = right.map((other, index) => (index === position ? value : other));
      await call(`${what}, argument ${position}: ${name}`, () => make(...words));
    }
  }
  await call(`${what} of nothing`, () => make());
}

const batch = (): { dna: unknown; protein: unknown } => ({ dna: pack([[5, 6, 7]]), protein: pack([[0, 5, 6, 2]]) });

async function jobs(worker: NativeWorker, state: string): Promise<void> {
  await eachArgument(`run ${state}`, [batch(), { embeddings: true }], untyped(worker, 'run'));
  await eachArgument(
    `embed ${state}`,
    ['dna', pack([[5, 6, 7]]), { layers: [0, 3], pools: ['mean', 'tokens'], measure: true }],
    untyped(worker, 'embed'),
  );
  await eachArgument(`measureLinear ${state}`, ['protein', 1], untyped(worker, 'measureLinear'));
  await eachArgument(`classify ${state}`, [new Float32Array(112)], untyped(worker, 'classify'));
  for (const array of hostileArrays()) {
    for (const other of hostileArrays()) {
      await call(`embed of ${array.name} and ${other.name} ${state}`, () =>
        worker.embed('protein', { tokens: array.value, offsets: other.value } as never, LAST_MEAN),
      );
    }
    await call(`classify of ${array.name} ${state}`, () => worker.classify(array.value as never));
  }
  await eachArgument(`memory ${state}`, [undefined], untyped(worker, 'memory'));
  await eachArgument(`cancel ${state}`, [undefined], untyped(worker, 'cancel'));
}

/** Methods and accessors on objects that are no workers. V8 itself refuses methods, with a TypeError without a code. */
async function receivers(worker: NativeWorker): Promise<void> {
  const tokenizer = new addon.BytePairTokenizer(model.tokenizer);
  const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(worker) as object);
  const receivers = [tokenizer, Object.create(worker), new Proxy(worker, {}), new Map(), addon, ...HOSTILE];
  for (const [name, descriptor] of Object.entries(members)) {
    const member = Reflect.get(descriptor, descriptor.get ? 'get' : 'value') as Call;
    if (name === 'constructor') continue;
    for (const receiver of receivers) {
      calls++;
      try {
        await Reflect.apply(member, receiver, []);
        faults.push(`${name} of ${typeof receiver} was answered`);
      } catch (error) {
        if (!(error instanceof TypeError && error.message === 'Illegal invocation')) judge(name, error);
      }
    }
  }
  const encode = Reflect.get(tokenizer, 'encode') as Call;
  for (const receiver of receivers.slice(1)) {
    await call('encode of what is no tokenizer', () => {
      try {
        Reflect.apply(encode, receiver, [new Uint8Array(1), Int32Array.of(0, 1)]);
      } catch (error) {
        if (!(error instanceof TypeError && error.message === 'Illegal invocation')) throw error;
      }
    });
  }
  const NativeWorkerClass = worker.constructor as unknown as new (...words: unknown[]) => NativeWorker;
  await call('NativeWorker without new', () => Reflect.apply(worker.constructor, undefined, []) as unknown);
  await call('BytePairTokenizer without new', () => Reflect.apply(addon.BytePairTokenizer, undefined, []) as unknown);
  const unopened = new NativeWorkerClass(1, {}, null);
  await jobs(unopened, 'of a worker that was never opened');
  await call('progress', () => unopened.progress());
  await call('abandon', () => unopened.abandon());
  await call('weightBytes', () => unopened.weightBytes);
  await call('threads', () => unopened.threads);
  await call('close', () => unopened.close());
}

async function openings(): Promise<void> {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const part = (name: 'dna' | 'protein' | 'classifier'): unknown => {
    const { path, architecture } = model[name];
    return { path, architecture };
  };
  const request = {
    ...{ device: 'cpu', precision: 'fp32', threads: 1, engine: 'packed', maxMemory: 2 ** 40 },
    ...{ dna: part('dna'), protein: part('protein'), classifier: part('classifier'), onMessage: () => undefined },
    ...{ signal, abandon: signal },
  };
  const open: Call = async (...words) => ((await untyped(addon, 'openWorker')(...words)) as NativeWorker).close();
  await eachArgument('openWorker', [request], open);
}

async function loose(): Promise<void> {
  const { architecture } = model.classifier;
  await eachArgument('parametersOf', [{ ...architecture }], untyped(addon, 'parametersOf'));
  await eachArgument('sensors', [['cuda:0']], untyped(addon, 'sensors'));
  await eachArgument('wakeDriver', [undefined], untyped(addon, 'wakeDriver'));
  await eachArgument('driver', [undefined], untyped(addon, 'driver'));
  await eachArgument('devices', [undefined], untyped(addon, 'devices'));
  const compiler = { nvrtc: 'libnvrtc.so', builtins: 'libnvrtc-builtins.so', cache: folder };
  await eachArgument('setKernelCompiler', [compiler], untyped(addon, 'setKernelCompiler'));
  const path = join(folder, 'hostile.pt');
  const parameters = randomParameters(architecture, 1);
  const source = { kind: 'file', path: model.classifier.path, offset: 0, dtype: 'float32', strides: [1, 1] };
  const request = { path, architecture: { ...architecture }, dtype: 'float32', parameters, extraFiles: { a: 'b' } };
  const write: Call = async (...words) => {
    try {
      await untyped(addon, 'writeArchive')(...words);
    } finally {
      if (existsSync(path)) rmSync(path);
    }
  };
  // One field of one parameter at a time; the rest of the list is valid.
  const writeFirst: Call = (first) => write({ ...request, parameters: [first, ...parameters.slice(1)] });
  await eachArgument('writeArchive', [request], write);
  await eachArgument('writeArchive, a parameter', [{ ...parameters[0] }], writeFirst);
  await eachArgument('writeArchive, a source', [source], (given) => writeFirst({ ...parameters[0], source: given }));
  const vocabulary = { ...model.tokenizer };
  const make: Call = (given) => new addon.BytePairTokenizer(given as never);
  await eachArgument('BytePairTokenizer', [vocabulary], make);
  const tokenizer = new addon.BytePairTokenizer(vocabulary);
  const text = new Uint8Array(4).fill(65);
  await eachArgument('encode', [text, Int32Array.of(0, 4)], untyped(tokenizer, 'encode'));
  for (const text of hostileArrays()) {
    for (const offsets of hostileArrays()) {
      await call(`encode of ${text.name} and ${offsets.name}`, () =>
        tokenizer.encode(text.value as never, offsets.value as never),
      );
    }
  }
}

/**
 * Arrays that a getter detaches, resizes or fills while the call reads its arguments; a worker that a getter closes.
 */
async function changedMeanwhile(): Promise<void> {
  const worker = await openOnCpu(model);
  const right = pack([[5, 6, 7]]);
  const changes: ((buffer: ReturnType<typeof resizableBuffer>) => void)[] = [
    (buffer) => void structuredClone(buffer, { transfer: [buffer] }),
    (buffer) => buffer.resize(4),
    (buffer) => buffer.resize(4096),
    (buffer) => void new Int32Array(buffer).fill(2 ** 31 - 1),
  ];
  for (const [index, change] of changes.entries()) {
    const [read, unread] = [resizableBuffer(12), resizableBuffer(12)];
    const [tokens, others] = [new Int32Array(read).fill(5), new Int32Array(unread).fill(5)];
    const after = {
      tokens,
      get offsets() {
        change(read);
        return Int32Array.of(0, 3);
      },
    };
    await call(`change ${index} after the tokens were read`, async () => {
      const { mean } = await worker.embed('dna', after, LAST_MEAN);
      const { mean: same } = await worker.embed('dna', pack([[5, 5, 5]]), LAST_MEAN);
      if (mean!.join() !== same!.join()) faults.push(`change ${index}: other tokens than at the call`);
    });
    const before = {
      get tokens() {
        change(unread);
        return others;
      },
      offsets: Int32Array.of(0, 3),
    };
    await call(`change ${index} before the tokens are read`, () => worker.embed('dna', before, LAST_MEAN));
  }
  const closing = {
    get dna() {
      void worker.close();
      return right;
    },
    protein: right,
  };
  await call('run of a batch whose getter closes', () => worker.run(closing, { embeddings: false }));
  await jobs(worker, 'after close');
  await call('progress', () => worker.progress());
  await call('abandon', () => worker.abandon());
}

/** Another thread keeps writing to the memory of a batch and of a text. */
async function sharedMemory(): Promise<void> {
  const shared = new SharedArrayBuffer(4096);
  const writer = new Worker(
    `const { workerData } = require('node:worker_threads');
     const numbers = new Int32Array(workerData);
     for (let count = 1; ; count = (count * 1664525 + 1013904223) | 0) numbers[count & 1023] = count;`,
    { eval: true, workerData: shared },
  );
  await new Promise((resolve) => writer.once('online', resolve));
  const worker = await openOnCpu(model);
  const tokenizer = new addon.BytePairTokenizer(model.tokenizer);
  const [numbers, letters] = [new Int32Array(shared), new Uint8Array(shared)];
  for (let turn = 0; turn < 50 * TURNS; turn++) {
    await call('shared tokens', () =>
      worker.embed('protein', { tokens: numbers, offsets: Int32Array.of(0, 1024) }, LAST_MEAN),
    );
    await call('shared offsets', () =>
      worker.embed('protein', { tokens: new Int32Array(1024), offsets: numbers }, LAST_MEAN),
    );
    await call('shared text', () => tokenizer.encode(letters, Int32Array.of(0, 4096)));
    await call('shared offsets of a text', () => tokenizer.encode(letters, numbers));
  }
  await worker.close();
  await writer.terminate();
}

/** Calls while the worker closes, and closing more than once. */
async function duringClose(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    const worker = await openOnCpu(model);
    const all: Promise<unknown>[] = [worker.run(batch() as never, { embeddings: true }), worker.close()];
    all.push(worker.embed('dna', pack([[5]]), LAST_MEAN), worker.close(), worker.classify(new Float32Array(112)));
    all.push(worker.measureLinear('dna', 1));
    worker.cancel();
    worker.memory();
    await Promise.all(all.map((promise, index) => call(`call ${index} around close`, () => promise)));
  }
}

const open = await openOnCpu(model);
await jobs(open, 'of an open worker');
await receivers(open);
await open.close();
await openings();
await loose();
await changedMeanwhile();
await sharedMemory();
await duringClose();
process.stdout.write(JSON.stringify({ calls, faults }));
