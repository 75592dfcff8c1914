/** One thing done with a worker in a process of its own: node engine-process.js MODEL-FOLDER CASE. */
import { readdirSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import type { EmbedOptions, NativeWorker } from '../../lib/engine/addon.js';
import { openModel } from '../../lib/models/folder/model-folder.js';
import { randomParameters } from '../../lib/models/random/random-contents.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { LAST_MEAN, meansOf, openOnCpu } from '../golden-model.js';
import { ownBytes } from '../own-bytes.js';
import { randomBatch } from './token-sequences.js';

const EXIT_CODE = 7;
const CYCLES = 10;
/** Of 12 MB each. */
const RESULTS = 20;
const EVERY_STATE: EmbedOptions = { layers: [0, 1, 2, 3], pools: ['mean', 'tokens'] };

const [folder, task] = isMainThread ? (process.argv.slice(2) as [string, string]) : (workerData as [string, string]);
const model = await openModel(folder);
/** Takes a tenth of a second or more. */
const long = randomBatch(
  'protein',
  Array.from({ length: 40 }, () => 300),
);

/**
 * With a function for its messages, which must neither keep the process alive nor be called after the environment's
 * end.
 */
const openListening = (): Promise<NativeWorker> => openOnCpu(model, { onMessage: () => undefined });

function startJobs(worker: NativeWorker): void {
  for (let job = 0; job < 2; job++) {
    worker.embed('protein', long, EVERY_STATE).catch(() => undefined);
  }
}

function threads(): number {
  return readdirSync('/proc/self/task').length;
}

async function openAndClose(): Promise<void> {
  const worker = await openListening();
  await worker.embed('protein', long, LAST_MEAN);
  await worker.close();
}

async function openAndForget(): Promise<void> {
  const worker = await openListening();
  await worker.embed('dna', randomBatch('dna', [5]), LAST_MEAN);
}

/** Waits until a garbage collection could run finalizers. */
async function collected(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc!();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Bytes by which the process has grown after so many results whose arrays nobody holds. */
async function growthBy(results: number): Promise<number> {
  const worker = await openOnCpu(model);
  const each = async (count: number): Promise<number> => {
    for (let job = 0; job < count; job++) await worker.embed('protein', long, EVERY_STATE);
    await collected();
    return ownBytes();
  };
  const before = await each(2);
  const after = await each(results);
  await worker.close();
  return after - before;
}

/** Threads left over after some cycles, at the end of each of which its worker should be gone. */
async function threadsLeft(cycle: () => Promise<void>): Promise<number> {
  await cycle();
  await collected();
  const before = threads();
  for (let count = 0; count < CYCLES; count++) {
    await cycle();
    await collected();
  }
  return threads() - before;
}

/** Threads of two workers with a job each, one of 1 thread and one of 7, opened together. */
async function threadsOfWorkers(): Promise<number> {
  const { dna, protein, classifier } = model;
  const open = (count: number): Promise<NativeWorker> =>
    loadAddon().addon.openWorker({
      device: 'cpu',
      precision: 'fp32',
      threads: count,
      engine: 'packed',
      dna,
      protein,
      classifier,
    });
  // Threads that loading the addon starts do not count.
  await (await open(1)).close();
  const before = threads();
  const workers = await Promise.all([open(7), open(1)]);
  for (const worker of workers.reverse()) await worker.embed('protein', long, LAST_MEAN);
  const brought = threads() - before;
  await Promise.all(workers.map((worker) => worker.close()));
  return brought;
}

/** Starts to write an archive that takes a while. */
function startArchive(): void {
  const architecture = { ...model.protein.architecture, layers: 8, width: 512, feedForward: 2048 };
  const path = `${folder}/unfinished.pt`;
  const parameters = randomParameters(architecture, 1);
  const request = { path, architecture, dtype: 'float32', parameters, extraFiles: {} } as const;
  loadAddon()
    .addon.writeArchive(request)
    .catch(() => undefined);
}

async function inThread(name: string): Promise<void> {
  const thread = new Worker(fileURLToPath(import.meta.url), { workerData: [folder, name] });
  const message: unknown = await new Promise((resolve, reject) =>
    thread.once('message', resolve).once('error', reject),
  );
  await thread.terminate();
  process.stdout.write(String(message));
}

const tasks: Record<string, () => Promise<void> | void> = {
  async exitWithJobs() {
    startJobs(await openOnCpu(model));
    setTimeout(() => process.exit(EXIT_CODE), 20);
  },
  async exitAtOnce() {
    startJobs(await openOnCpu(model));
    process.exit(EXIT_CODE);
  },
  exitWhileOpening() {
    openListening().catch(() => undefined);
    process.exit(EXIT_CODE);
  },
  async exitWhileClosing() {
    const worker = await openOnCpu(model);
    startJobs(worker);
    worker.close().catch(() => undefined);
    process.exit(EXIT_CODE);
  },
  async abandonOpening() {
    const controller = new AbortController();
    const opening = openOnCpu(model, { abandon: controller.signal });
    controller.abort();
    await opening.catch((error: unknown) => process.stdout.write((error as { code: string }).code));
    process.exitCode = EXIT_CODE;
  },
  async exitAbandoned() {
    (await openOnCpu(model)).abandon();
    process.once('exit', () => process.stdout.write('listened'));
    process.exitCode = EXIT_CODE;
  },
  async endUnclosed() {
    await openAndForget();
    process.exitCode = EXIT_CODE;
  },
  async results() {
    process.stdout.write(JSON.stringify(await growthBy(RESULTS)));
  },
  async cycles() {
    process.stdout.write(JSON.stringify([await threadsLeft(openAndClose), await threadsLeft(openAndForget)]));
  },
  async threadsOfWorkers() {
    process.stdout.write(JSON.stringify(await threadsOfWorkers()));
  },
  async listenerThrows() {
    process.once('uncaughtException', (error) => process.stdout.write(error.message));
    let messages = 0;
    const onMessage = (): void => {
      if (messages++ === 0) throw new Error('thrown');
    };
    await (await openOnCpu(model, { onMessage })).close();
    process.stdout.write(messages > 1 ? ' and heard on' : ' and no more');
  },
  thread: () => inThread('threadUses'),
  async threadUses() {
    const worker = await openOnCpu(model);
    const means = await meansOf(worker, 'protein', long);
    // Outlive the thread's JavaScript.
    Object.assign(globalThis, await worker.embed('protein', long, EVERY_STATE));
    await worker.close();
    parentPort!.postMessage(means.length);
  },
  threadWithJobs: () => inThread('threadStartsJobs'),
  async threadStartsJobs() {
    startJobs(await openOnCpu(model));
    parentPort!.postMessage('started');
  },
  threadOpening: () => inThread('threadOpens'),
  threadOpens() {
    openListening().catch(() => undefined);
    parentPort!.postMessage('started');
  },
  threadWriting: () => inThread('threadWrites'),
  threadWrites() {
    startArchive();
    parentPort!.postMessage('started');
  },
};

await tasks[task]!();
