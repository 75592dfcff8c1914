import { join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { packageRoot } from '../package.js';
import { expected, VirnucproError } from '../errors.js';
import {
  forPrediction,
  openAnyModel,
  PART_NAMES,
  partNames,
  PIPELINE_FILE,
  readPartNames,
} from './folder/model-folder.js';
import type { AnyModel, ModelDescription, OpenedModel, PartName } from './folder/model-folder.js';
import { sha256OfFile } from './trust/sha256.js';
import { TrustRecords } from './trust/trust-records.js';
import { verifyFiles } from './trust/verify.js';
import type { VerifyOptions } from './trust/verify.js';
import { makingRoom } from '../disk.js';
import { checkGiven, isText } from '../option-checks.js';
import { homeFolder } from '../engine/libtorch/find-libtorch.js';

/** Folder of the shipped models: they are part of this program, and trusted like its code. */
export const SHIPPED_MODELS_FOLDER = join(packageRoot, 'models');

/** The shipped model that is used when none is installed and none is named. */
export const SHIPPED_DEFAULT = 'virnucpro-mini';

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;
const HOW_TO_GET_ONE =
  'Import the published weights with "virnucpro models import", or make a random model to try things out with "virnucpro models random"';

/** Folders of unfinished imports and of replaced models begin with a dot, which no model's name does. */
const LEFTOVER = /^\.(.+)\.(incoming|replaced)-[0-9a-f]+$/;
const LEFTOVER_MILLISECONDS = 48 * 3600 * 1000;

/**
 * Where models are installed: the option, else $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models, else
 * ~/.local/share/virnucpro/models. Empty values count as absent.
 */
export function modelsFolder(option?: string, environment: NodeJS.ProcessEnv = process.env): string {
  const named = option || environment['VIRNUCPRO_MODELS'];
  if (named) return resolve(named);
  const data = environment['XDG_DATA_HOME'] || join(environment['HOME'] || homeFolder(), '.local', 'share');
  return join(data, 'virnucpro', 'models');
}

/** Throws VNP_USAGE unless a name has at most 64 of A-Z, a-z, 0-9, `.`, `_` and `-`, and does not begin with a dot. */
export function checkModelName(name: string): void {
  checkGiven('the name of a model', name, 'a string', isText);
  if (NAME.test(name)) return;
  throw expected(
    'VNP_USAGE',
    'at most 64 letters, digits, ".", "_" and "-", not beginning with "."',
    'the name of a model',
    JSON.stringify(name.slice(0, 80)),
  );
}

/** A model that exists, intact or damaged. */
export interface ModelPlace {
  /** Name that `open` finds it by. */
  readonly name: string;
  /** Whether it came with this program. */
  readonly shipped: boolean;
}

/**
 * The models installed in one folder, each in a folder of its own name, and the shipped models. An installed model
 * hides a shipped one of the same name.
 */
export class ModelRegistry {
  readonly #records: TrustRecords;

  /** @param shipped folder of the models that came with this program */
  constructor(
    readonly folder: string,
    readonly shipped: string = SHIPPED_MODELS_FOLDER,
  ) {
    this.#records = new TrustRecords(folder);
  }

  /** Names of the installed models, sorted. A folder that does not exist holds none. */
  async list(): Promise<string[]> {
    return resolve(this.folder) === resolve(this.shipped) ? [] : modelsIn(this.folder);
  }

  /** The installed models, sorted by name, then the shipped ones, likewise. */
  async listAll(): Promise<ModelPlace[]> {
    const installed = await this.list();
    const shipped = (await modelsIn(this.shipped)).filter((name) => !installed.includes(name));
    return [
      ...installed.map((name) => ({ name, shipped: false })),
      ...shipped.map((name) => ({ name, shipped: true })),
    ];
  }

  /**
   * Reads what the files of a model for predictions state about it. Without a name, takes the only installed one, or
   * SHIPPED_DEFAULT if none is installed. A model found here is not necessarily safe to load: see `findTrusted`.
   *
   * @throws VNP_MODEL_MISSING listing the models there are, VNP_MODEL_INVALID when it is damaged or makes embeddings only
   */
  async find(name?: string): Promise<OpenedModel> {
    return forPrediction(await this.findAny(name));
  }

  /**
   * Like `find`, for a model that may make embeddings only.
   *
   * @param parts without a name, the parts that the model must have. Defaults to those that predictions need
   */
  async findAny(name?: string, parts: readonly PartName[] = PART_NAMES): Promise<AnyModel> {
    const { shipped, name: found } = await this.#place(name, parts);
    return openAnyModel(this.#folderOf({ shipped, name: found }), { shipped });
  }

  /**
   * Like `find`, for a model that will be loaded. Its archives are code: before libtorch opens one, `verifyFiles` must
   * confirm that it matches the model's `pipeline.json`.
   *
   * @param trust whether the user allows loading it, wherever it came from
   * @throws VNP_MODEL_UNTRUSTED for a model that was not made here, not recorded by `trust` and not shipped, or that
   *   changed since
   */
  async findTrusted(name: string | undefined, { trust }: { readonly trust: boolean }): Promise<OpenedModel> {
    return this.#trusted(await this.find(name), trust);
  }

  /** Like `findTrusted`, for a model that may make embeddings only. @param parts see `findAny` */
  async findAnyTrusted(
    name: string | undefined,
    { trust, parts }: { readonly trust: boolean; readonly parts?: readonly PartName[] },
  ): Promise<AnyModel> {
    return this.#trusted(await this.findAny(name, parts), trust);
  }

  async #trusted<Model extends ModelDescription>(model: Model, trust: boolean): Promise<Model> {
    if (trust || (await this.isTrusted(model))) return model;
    const origin = (await this.#records.knows(model.name))
      ? `its ${PIPELINE_FILE} has since been changed or replaced`
      : 'it came from elsewhere';
    throw new VirnucproError(
      'VNP_MODEL_UNTRUSTED',
      `The model ${model.name} in ${this.folder} was not made here by "models import" or "models random": ${origin}. ` +
        'Its archives are code that would run as you. If you know who made it, run "virnucpro models trust ' +
        `${model.name}" to record that, or use \`trust: true\` to open it this once`,
    );
  }

  /** Shipped models are trusted: anyone who can change them can change the program. */
  async isTrusted({ name, pipelineSha256, shipped }: ModelDescription): Promise<boolean> {
    return shipped || this.#records.has(name, pipelineSha256);
  }

  /**
   * Records that a model is trusted as it is now, after comparing its archives with its `pipeline.json`. A shipped
   * model needs no record.
   *
   * @throws VNP_MODEL_MISSING, VNP_MODEL_INVALID, VNP_OUTPUT where the folder cannot be written
   */
  async trust(name: string, { onRead }: Pick<VerifyOptions, 'onRead'> = {}): Promise<AnyModel> {
    checkModelName(name);
    const model = await this.findAny(name);
    const archives = partNames(model).map((part) => model[part]!);
    await verifyFiles(archives, { again: true, ...(onRead && { onRead }) });
    if (model.shipped) return model;
    try {
      await this.#records.add(model.name, model.pipelineSha256);
    } catch (error) {
      const next = 'A user who may write there can record it; `trust: true` opens it this once';
      throw wrapped(error, this.folder, 'record a model as trusted', next);
    }
    return model;
  }

  /**
   * Deletes an installed model.
   *
   * @throws VNP_MODEL_MISSING when there is none of this name, VNP_USAGE for a shipped one
   */
  async remove(name: string): Promise<void> {
    checkModelName(name);
    const { name: found, shipped } = await this.#place(name);
    if (shipped) {
      const next = 'Any installed model takes precedence over it';
      throw new VirnucproError('VNP_USAGE', `The model ${name} came with this program and cannot be removed. ${next}`);
    }
    try {
      const aside = await this.putAside(found, randomBytes(6).toString('hex'));
      await this.#records.remove(found);
      await rm(aside, { recursive: true });
    } catch (error) {
      throw wrapped(error, this.folder);
    }
  }

  /**
   * Installs a model whole or not at all: `build` fills a temporary folder beside the final one, which is then recorded
   * as trusted and renamed. When `build` fails, the registry is unchanged.
   *
   * @returns the model's folder
   * @throws VNP_USAGE for a name that is invalid, or taken while `overwrite` is not set
   */
  async install(name: string, overwrite: boolean, build: (folder: string) => Promise<void>): Promise<string> {
    await this.checkFree(name, overwrite);
    const mark = randomBytes(6).toString('hex');
    const incoming = join(this.folder, `.${name}.incoming-${mark}`);
    try {
      await mkdir(incoming, { recursive: true });
      await this.removeLeftovers();
      await build(incoming);
      return await this.putInPlace(name, overwrite, incoming, mark);
    } catch (error) {
      // If the deletion fails too, report the first failure.
      await rm(incoming, { recursive: true, force: true }).catch(() => undefined);
      throw wrapped(error, this.folder);
    }
  }

  /** Throws VNP_USAGE for a name that is invalid, or taken while `overwrite` is not set. */
  async checkFree(name: string, overwrite: boolean): Promise<void> {
    checkModelName(name);
    if (overwrite || !(await exists(join(this.folder, name)))) return;
    const next = 'Replace it (`overwrite: true`), or remove it';
    throw new VirnucproError('VNP_USAGE', `The model ${name} already exists in ${this.folder}. ${next}`);
  }

  private async putInPlace(name: string, overwrite: boolean, incoming: string, mark: string): Promise<string> {
    // Another import may have taken the name meanwhile.
    await this.checkFree(name, overwrite);
    const sha256 = await sha256OfFile(join(incoming, PIPELINE_FILE));
    const wasTrusted = await this.#records.has(name, sha256);
    // Before the model: if the record cannot be written, no unusable model is left behind.
    await this.#records.add(name, sha256);
    try {
      return await this.replace(name, incoming, mark);
    } catch (error) {
      if (!wasTrusted) await this.#records.remove(name, sha256).catch(() => undefined);
      throw error;
    }
  }

  private async replace(name: string, incoming: string, mark: string): Promise<string> {
    const place = join(this.folder, name);
    if (!(await exists(place))) {
      await rename(incoming, place);
      return place;
    }
    const replaced = await this.putAside(name, mark);
    try {
      await rename(incoming, place);
    } catch (error) {
      // Another process may have installed its own model there.
      if (await exists(place)) await this.discard(name, replaced);
      else await rename(replaced, place);
      throw error;
    }
    await this.discard(name, replaced);
    return place;
  }

  /** Deletes a model that has been replaced, and its record, unless the new model has the same one. */
  private async discard(name: string, replaced: string): Promise<void> {
    const [gone, inPlace] = await Promise.all(
      [replaced, join(this.folder, name)].map((folder) =>
        sha256OfFile(join(folder, PIPELINE_FILE)).catch(() => undefined),
      ),
    );
    if (gone !== undefined && gone !== inPlace) await this.#records.remove(name, gone);
    await rm(replaced, { recursive: true, force: true });
  }

  /** Renames a model, so that it disappears at once, however long deleting its files takes. */
  private async putAside(name: string, mark: string): Promise<string> {
    const aside = join(this.folder, `.${name}.replaced-${mark}`);
    await rename(join(this.folder, name), aside);
    return aside;
  }

  async #place(name: string | undefined, parts: readonly PartName[] = []): Promise<ModelPlace> {
    const places = await this.listAll();
    const there = places.length === 0 ? 'none is installed' : `available: ${places.map((one) => one.name).join(', ')}`;
    if (name !== undefined) {
      checkModelName(name);
      const found = places.find((one) => one.name === name);
      if (found) return found;
      throw missing(`The model ${name} is not installed in ${this.folder}; ${there}. ${HOW_TO_GET_ONE}`);
    }
    const areFit = await Promise.all(places.map((place) => this.#hasParts(place, parts)));
    const fit = places.filter((_, index) => areFit[index]);
    const [first, ...others] = fit.filter(({ shipped }) => !shipped);
    const chosen = first ?? fit.find((one) => one.name === SHIPPED_DEFAULT);
    if (!chosen) {
      const isEmpty = places.every((place) => place.shipped);
      const what = isEmpty ? 'No model is installed' : `No model with the parts ${parts.join(', ')} is installed`;
      throw missing(`${what} in ${this.folder}. ${HOW_TO_GET_ONE}`);
    }
    if (others.length === 0) return chosen;
    throw missing(`Several models are installed in ${this.folder}, and none was named; ${there}. Say which one to use`);
  }

  /** A damaged model counts as one with all parts: whoever relies on it must learn of the damage. */
  async #hasParts(place: ModelPlace, parts: readonly PartName[]): Promise<boolean> {
    const found = await readPartNames(this.#folderOf(place)).catch(() => PART_NAMES);
    return parts.every((part) => found.includes(part));
  }

  #folderOf({ shipped, name }: ModelPlace): string {
    return join(shipped ? this.shipped : this.folder, name);
  }

  /**
   * Deletes what killed imports left behind: unfinished models after two days (a younger one may still be in progress),
   * and replaced models of that age, unless the new one never took their place.
   */
  private async removeLeftovers(): Promise<void> {
    for (const leftover of await entriesOf(this.folder)) {
      const [, name, kind] = LEFTOVER.exec(leftover) ?? [];
      if (name === undefined) continue;
      const path = join(this.folder, leftover);
      // Gone if another process has just put its model in place.
      const changed = await stat(path).catch(() => undefined);
      const isOld = changed !== undefined && Date.now() - changed.mtimeMs > LEFTOVER_MILLISECONDS;
      if (isOld && (kind === 'incoming' || (await exists(join(this.folder, name))))) {
        await rm(path, { recursive: true, force: true });
      }
    }
  }
}

/** Names of the models in a folder, sorted. */
async function modelsIn(folder: string): Promise<string[]> {
  const names = (await entriesOf(folder)).filter((name) => NAME.test(name));
  const areModels = await Promise.all(names.map((name) => isFile(join(folder, name, PIPELINE_FILE))));
  return names.filter((_, index) => areModels[index]).sort();
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    const next = 'Set VIRNUCPRO_MODELS (else XDG_DATA_HOME or HOME decides) to a folder that this user can read';
    throw missing(`The folder of the installed models cannot be read: ${message}. ${next}`);
  }
}

function wrapped(
  error: unknown,
  folder: string,
  what = 'write a model',
  next = `${makingRoom(error, folder) ?? 'Free space there'}, or choose another folder`,
): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  return new VirnucproError('VNP_OUTPUT', `Cannot ${what} in ${folder}: ${error.message}. ${next}`, { cause: error });
}

function missing(message: string): VirnucproError {
  return new VirnucproError('VNP_MODEL_MISSING', message);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
