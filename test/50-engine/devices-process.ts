/**
 * Prints what the addon reports of the devices, in a process of its own, as JSON: node devices-process.js main|thread
 * IDS
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import type { NativeDevice, NativeDriver, NativeSensors } from '../../lib/engine/addon.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';

export interface Said {
  readonly cuda: string;
  readonly driver: NativeDriver | null;
  readonly devices: NativeDevice[];
  readonly sensors?: NativeSensors[];
  readonly failure?: { readonly code: string; readonly message: string };
}

async function ask(ids: readonly string[]): Promise<Said> {
  const { addon, cuda } = loadAddon();
  const found = { cuda: cuda.state, driver: addon.driver(), devices: addon.devices() };
  try {
    return { ...found, sensors: await addon.sensors(ids) };
  } catch (error) {
    const { code, message } = error as Error & { code: string };
    return { ...found, failure: { code, message } };
  }
}

if (isMainThread) {
  const [place, ...ids] = process.argv.slice(2);
  if (place === 'main') {
    process.stdout.write(JSON.stringify(await ask(ids)));
  } else {
    const thread = new Worker(fileURLToPath(import.meta.url), { workerData: ids });
    thread.once('message', (said: Said) => process.stdout.write(JSON.stringify(said)));
  }
} else {
  parentPort!.postMessage(await ask(workerData as string[]));
}
