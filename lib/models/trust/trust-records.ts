import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { PIPELINE_FILE } from '../folder/model-folder.js';

/** Subfolder of the models folder that records which models were made here or declared trusted. */
export const TRUST_FOLDER = '.trusted';

const HASH = /^[0-9a-f]{64}$/;

/**
 * Records the models that a models folder trusts: one small file for each trusted `pipeline.json`, which in turn
 * contains the hashes of the archives. The files lie outside the models' own folders, so that a copied model brings no
 * trust with it. Each is named after the model and the hash, so concurrent installs write different files and need no
 * lock.
 */
export class TrustRecords {
  readonly #folder: string;

  /** @param models the models folder */
  constructor(private readonly models: string) {
    this.#folder = join(models, TRUST_FOLDER);
  }

  /** @param sha256 of `pipeline.json` */
  async has(name: string, sha256: string): Promise<boolean> {
    const wanted = recordText(name, sha256);
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path(name, sha256), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const { uid, size } = await file.stat();
      // In a folder that everyone can write to, a record by another user counts for nothing.
      const isOurs = uid === 0 || uid === process.geteuid?.() || uid === (await stat(this.models)).uid;
      // The content is compared, not only the name, so that a renamed record is not accepted.
      return isOurs && size === wanted.length && (await file.readFile('utf8')) === wanted;
    } catch {
      return false;
    } finally {
      await file?.close();
    }
  }

  /** Whether there is a record for a model of this name, whatever its hash. */
  async knows(name: string): Promise<boolean> {
    return (await this.#recordsOf(name)).length > 0;
  }

  /** Records a model. Can be repeated. */
  async add(name: string, sha256: string): Promise<void> {
    if (await this.has(name, sha256)) return;
    await mkdir(this.#folder, { recursive: true });
    const incoming = join(this.#folder, `.${randomBytes(6).toString('hex')}`);
    try {
      await writeFile(incoming, recordText(name, sha256), { flag: 'wx', mode: 0o644 });
      await rename(incoming, this.#path(name, sha256));
    } catch (error) {
      await rm(incoming, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  /** Removes one record, or all of a name without `sha256`. */
  async remove(name: string, sha256?: string): Promise<void> {
    const records = sha256 === undefined ? await this.#recordsOf(name) : [recordName(name, sha256)];
    for (const record of records) await rm(join(this.#folder, record), { force: true });
  }

  async #recordsOf(name: string): Promise<string[]> {
    try {
      if (!(await lstat(this.#folder)).isDirectory()) return [];
      const records = await readdir(this.#folder);
      return records.filter((record) => record.startsWith(`${name}.`) && HASH.test(record.slice(name.length + 1)));
    } catch {
      return [];
    }
  }

  #path(name: string, sha256: string): string {
    return join(this.#folder, recordName(name, sha256));
  }
}

function recordName(name: string, sha256: string): string {
  return `${name}.${sha256}`;
}

/** In the format of `sha256sum`, so that `sha256sum --check .trusted/*` checks them all. */
function recordText(name: string, sha256: string): string {
  return `${sha256}  ${name}/${PIPELINE_FILE}\n`;
}
