import { access, constants, mkdtemp, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { cacheFolder } from '../engine/libtorch/find-libtorch.js';
import { listModels, type ListedModel } from '../models/library.js';
import { modelsFolder, SHIPPED_DEFAULT } from '../models/registry.js';
import { reasonOf } from '../errors.js';
import { failed, passed, warned, type Check } from './check.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Lists the models, and reports those that are damaged or not trusted. */
export async function checkModels(option?: string): Promise<Check> {
  const folder = modelsFolder(option);
  const models = await listModels({ models: folder });
  const lines = models.map(modelLine);
  const damaged = models.filter(({ problem }) => problem !== undefined);
  const [first] = damaged;
  if (first) {
    const mending = `virnucpro models remove ${first.name}, then virnucpro models import`;
    const next = first.shipped ? 'reinstall virnucpro: this model is part of it' : mending;
    const names = damaged.map(({ name }) => name).join(', ');
    return failed('models', `${names}${first.shipped ? '' : ` in ${folder}`} cannot be used`, next, lines);
  }
  const untrusted = models.flatMap(({ name, model }) => (model?.trusted === false ? [name] : []));
  if (untrusted.length > 0) {
    const next = `if you know who made it: virnucpro models trust ${untrusted[0]}`;
    return warned('models', `in ${folder}, not made here or changed since: ${untrusted.join(', ')}`, next, lines);
  }
  const installed = models.filter(({ shipped }) => !shipped).length;
  if (installed > 0) return passed('models', `${installed} in ${folder}`, lines);
  if (models.some(({ name }) => name === SHIPPED_DEFAULT)) {
    return passed('models', `none in ${folder}; ${SHIPPED_DEFAULT}, which came with virnucpro, is used`, lines);
  }
  const next = 'virnucpro models import, or virnucpro models random to try things out';
  return warned('models', `none in ${folder}`, next);
}

function modelLine({ name, shipped, model, problem }: ListedModel): string {
  if (!model) return `${name}: ${problem}`;
  const { chunkSize, bytes, random, trusted } = model;
  const size = bytes < GIB / 100 ? `${(bytes / MIB).toFixed(1)} MiB` : `${(bytes / GIB).toFixed(2)} GiB`;
  const remarks = [shipped && 'came with virnucpro', random && 'random weights', !trusted && 'not trusted'];
  const use = chunkSize === undefined ? 'embeddings only' : `windows of ${chunkSize} bases`;
  return [`${name}: ${use}`, size, ...remarks.filter(Boolean)].join(', ');
}

/** Only a warning: setup needs this folder, but a run only records there which models it has verified. */
export async function checkCacheFolder(): Promise<Check> {
  const folder = resolve(cacheFolder());
  const next = 'Set XDG_CACHE_HOME to a folder that can be written to';
  try {
    return passed('cache folder', `${folder}, ${await freeSpace(await writableFolder(folder))}`);
  } catch (error) {
    return warned('cache folder', `${folder} cannot be written to: ${reasonOf(error)}`, next);
  }
}

export async function checkTemporaryFolder(): Promise<Check> {
  const folder = tmpdir();
  try {
    await writeInto(folder);
    return passed('temporary folder', `${folder}, ${await freeSpace(folder)}`);
  } catch (error) {
    const next = 'Set TMPDIR to a folder that can be written to';
    return failed('temporary folder', `${folder} cannot be written to: ${reasonOf(error)}`, next);
  }
}

/** The folder, or if it does not exist its closest existing parent. Leaves nothing behind. */
async function writableFolder(folder: string): Promise<string> {
  try {
    await stat(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const parent = await writableFolder(dirname(folder));
    await access(parent, constants.W_OK | constants.X_OK);
    return parent;
  }
  await writeInto(folder);
  return folder;
}

/** Tries it, since permissions do not reveal a full disk or a read-only mount. */
async function writeInto(folder: string): Promise<void> {
  const probe = await mkdtemp(join(folder, '.virnucpro-doctor-'));
  try {
    await writeFile(join(probe, 'probe'), Buffer.alloc(4096));
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

async function freeSpace(folder: string): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return `${((bavail * bsize) / GIB).toFixed(1)} GiB free`;
  } catch (error) {
    return `free space unknown: ${reasonOf(error)}`;
  }
}
