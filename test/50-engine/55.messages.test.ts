import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import type { NativeWorker, WorkerMessage } from '../../lib/engine/addon.js';
import { CheckpointFile } from '../../lib/models/checkpoint/checkpoint-file.js';
import { ZipFile } from '../../lib/models/checkpoint/zip.js';
import { storedZip } from '../40-models/stored-zip.js';
import { installGoldenModel, LAST_MEAN, openOnCpu } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { randomBatch } from './token-sequences.js';

type Loading = Extract<WorkerMessage, { kind: 'loading' }>;

/** The archive at `from` with a forward that warns, stacked twice, so that it would warn twice. */
async function writeWarning(from: string, to: string, text: string): Promise<void> {
  const contents = await CheckpointFile.use(from, async (file) => {
    const zip = await ZipFile.open(file);
    return Promise.all(
      [...zip.entries.values()].map(async ({ name, method, size, localHeader }) => {
        const header = await file.read(localHeader, 30, 'a header');
        const start = localHeader + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
        const bytes = await file.read(start, size, 'an entry');
        const plain = method === 0 ? bytes : inflateRawSync(bytes);
        if (!name.endsWith('.py')) return { name, bytes: plain };
        const source = plain.toString();
        const warning = `    torch.warn("${text}", 2)\n`;
        const changed = source.replace(/(lengths: Tensor\) -> Tensor:\n)/, `$1${warning}${warning}`);
        assert.notEqual(changed, source);
        return { name, bytes: Buffer.from(changed) };
      }),
    );
  });
  writeFileSync(to, storedZip(contents));
}

describe('the messages of a worker', () => {
  let installed: InstalledModel;
  let bytesTotal: number;
  before(async () => {
    installed = await installGoldenModel();
    const { dna, protein, classifier } = installed.model;
    bytesTotal = [dna, protein, classifier].reduce((sum, { path }) => sum + statSync(path).size, 0);
  });
  after(() => installed.remove());

  function expectLoading(messages: readonly WorkerMessage[]): void {
    const loading = messages.filter((message): message is Loading => message.kind === 'loading');
    assert.ok(loading.length >= 1 && loading.length <= 100, `${loading.length} messages`);
    for (const [index, message] of loading.entries()) {
      assert.equal(message.bytesTotal, bytesTotal);
      assert.ok(index === 0 || message.bytesDone > loading[index - 1]!.bytesDone, JSON.stringify(loading));
    }
    assert.equal(loading.at(-1)!.bytesDone, bytesTotal);
  }

  async function openAndListen(
    options: Parameters<typeof openOnCpu>[1] = {},
  ): Promise<{ worker: NativeWorker; messages: WorkerMessage[] }> {
    const messages: WorkerMessage[] = [];
    const worker = await openOnCpu(installed.model, { ...options, onMessage: (message) => messages.push(message) });
    return { worker, messages };
  }

  for (const engine of ['packed', 'torchscript'] as const) {
    it(`tell how far the loading has come, and its end before the worker is open (${engine})`, async () => {
      const { worker, messages } = await openAndListen({ engine });
      expectLoading(messages);
      assert.ok(messages.length > 10, `${messages.length} messages`);
      await worker.close();
    });
  }

  it('tell the end of a loading that another worker does or has done', async () => {
    const opened = await Promise.all([openAndListen(), openAndListen()]);
    opened.push(await openAndListen());
    for (const { messages } of opened) expectLoading(messages);
    await Promise.all(opened.map(({ worker }) => worker.close()));
  });

  it('tell what libtorch warns of, in one line and once', async () => {
    const { model } = installed;
    const path = join(installed.models, 'warning.pt');
    await writeWarning(model.protein.path, path, String.raw`too warm\nand more`);
    const warning = { ...model, protein: { ...model.protein, path } };
    const logs: WorkerMessage[] = [];
    const onMessage = (message: WorkerMessage): void => {
      if (message.kind === 'log') logs.push(message);
    };
    const worker = await openOnCpu(warning, { engine: 'torchscript', onMessage });
    const silent = await openOnCpu(model, { engine: 'torchscript', onMessage });
    for (const opened of [worker, worker, silent]) {
      await opened.embed('protein', randomBatch('protein', [5]), LAST_MEAN);
    }
    await Promise.all([worker.close(), silent.close()]);
    assert.deepEqual(logs, [{ kind: 'log', level: 'warn', text: 'too warm' }]);
  });

  it('do not come after the worker is closed', async () => {
    const { worker, messages } = await openAndListen();
    await worker.close();
    const count = messages.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(messages.length, count);
  });

  it('may find a function that closes the worker they come from', async () => {
    const opening = openOnCpu(installed.model, { onMessage: () => void opening.then((worker) => worker.close()) });
    const worker = await opening;
    await worker.close();
    await assert.rejects(worker.classify(new Float32Array(112)), { code: 'VNP_CLOSED' });
  });

  it('go to nothing but a function', async () => {
    const wrong = { onMessage: 'tell me' as unknown as () => void };
    await assert.rejects(openOnCpu(installed.model, wrong), { code: 'VNP_ARGUMENT', message: /onMessage/ });
  });
});
