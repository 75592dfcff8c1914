/** Program of the child process. Arguments: a path, and an architecture as JSON. See temporary-archive.ts. */
import { rmSync } from 'node:fs';
import { asVirnucproError, reasonOf, VirnucproError } from '../errors.js';
import { DEFAULT_SEED } from '../models/random/random-model.js';
import { randomParameters } from '../models/random/random-contents.js';
import type { EncoderArchitecture, WriterFailure } from './temporary-archive.js';
import { loadAddon } from '../engine/libtorch/load.js';

// Ctrl-C and a closed terminal reach both processes; the parent removes the archive and ends this one.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
const [path = '', words = ''] = process.argv.slice(2);
const endWithoutParent = (): void => {
  rmSync(path, { force: true });
  // `process.exit` would wait for the writing thread.
  process.kill(process.pid, 'SIGKILL');
};
process.once('disconnect', endWithoutParent);
// The parent may have ended while this module was loaded.
if (!process.connected) endWithoutParent();
try {
  const architecture = JSON.parse(words) as EncoderArchitecture;
  const parameters = randomParameters(architecture, DEFAULT_SEED);
  await loadAddon().addon.writeArchive({ path, architecture, dtype: 'bfloat16', parameters, extraFiles: {} });
} catch (error) {
  process.exitCode = 1;
  const message = reasonOf(error);
  const known = asVirnucproError(error);
  await answer({ code: known instanceof VirnucproError ? known.code : 'VNP_NATIVE', message });
} finally {
  process.off('disconnect', endWithoutParent);
  process.disconnect();
}

/** Resolves when the message is sent: messages still queued when the channel closes would be lost. */
function answer(failure: WriterFailure): Promise<void> {
  return new Promise((resolve) => process.send?.(failure, undefined, {}, () => resolve()));
}
