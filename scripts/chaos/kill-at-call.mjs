// @ts-check
/**
 * Loaded before a run (`--import`): kills it at one of its calls that change the file system, or halfway through the
 * call if it writes bytes. This way every moment between two calls is tried, however short it is.
 * VIRNUCPRO_CHAOS_CALL: the call, counted from 1; 0 only counts the calls, into the file VIRNUCPRO_CHAOS_COUNT.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const wanted = Number(process.env['VIRNUCPRO_CHAOS_CALL']);
const countFile = process.env['VIRNUCPRO_CHAOS_COUNT'];
const OF_FILE_HANDLES = ['appendFile', 'write', 'writeFile', 'truncate', 'datasync', 'sync', 'close'];
const OF_FILES = ['mkdir', 'open', 'rename', 'rm', 'rmdir', 'unlink', 'writeFile', 'utimes'];

let calls = 0;

/**
 * @param {any} object @param {string} name
 * @param {(self: any, values: any[]) => void} [half] does half of the call's work
 */
function killIn(object, name, half) {
  const original = object[name];
  object[name] = function (/** @type {any[]} */ ...values) {
    if (++calls === wanted) {
      half?.(this, values);
      process.kill(process.pid, 'SIGKILL');
    }
    return original.apply(this, values);
  };
}

/** @param {{ fd: number }} handle @param {any[]} values */
function writeHalf({ fd }, [bytes, offset = 0, length = bytes.length - offset]) {
  fs.writeSync(fd, bytes, offset, Math.floor(length / 2));
}

if (isMainThread) {
  const handle = await fs.promises.open('/dev/null');
  const prototype = Object.getPrototypeOf(handle);
  await handle.close();
  for (const name of OF_FILE_HANDLES) {
    const writes = name === 'appendFile' || name === 'write';
    killIn(prototype, name, writes ? writeHalf : undefined);
  }
  for (const name of OF_FILES) killIn(fs.promises, name);
  syncBuiltinESMExports();
  if (countFile !== undefined) process.on('exit', () => fs.writeFileSync(countFile, String(calls)));
}
