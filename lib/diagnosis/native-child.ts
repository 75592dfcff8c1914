/**
 * Program of the doctor's child process, which runs all native code. Arguments: `load`, or `known-answer` with a
 * device, a folder to write to and the precisions. It answers with NativeMessages, see child-process.ts.
 */
import { loadAddon } from '../engine/libtorch/load.js';
import { ENGINES } from '../engine/addon.js';
import type { Precision } from '../engine/addon.js';
import { reasonOf } from '../errors.js';
import { runKnownModel, writeKnownModel } from './known-model.js';
import type { NativeMessage } from './child-process.js';

/** Resolves when the message is sent: messages still queued when the channel closes would be lost. */
function send(message: NativeMessage): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()));
}

async function load(): Promise<void> {
  const { addon, path, libtorch, passedOver, cuda } = loadAddon();
  const { version, root } = libtorch;
  const found = { compiledAgainst: addon.versions.libtorch, libtorch: version, libtorchRoot: root, passedOver };
  await send({ kind: 'loaded', addon: path, ...found, cuda, devices: addon.devices() });
}

async function knownAnswer(device: string, folder: string, precisions: readonly Precision[]): Promise<void> {
  const { addon } = loadAddon();
  during = 'writing its archives';
  const model = await writeKnownModel(folder, addon);
  for (const precision of precisions) {
    for (const engine of precision === 'fp32' ? ENGINES : (['packed'] as const)) {
      during = `the ${engine} engine in ${precision}`;
      const { scores, embeddings } = await runKnownModel(addon, model, { device, precision, engine });
      await send({ kind: 'run', engine, precision, scores: [...scores], embeddings: [...embeddings] });
    }
  }
}

let during = 'loading the addon';
try {
  const [task, device = '', folder = '', ...precisions] = process.argv.slice(2);
  if (task === 'load') await load();
  else await knownAnswer(device, folder, precisions as Precision[]);
} catch (error) {
  await send({ kind: 'failure', during, message: reasonOf(error) });
}
// Lets the process end by itself, so that a crash while native threads end is noticed as well.
process.disconnect();
