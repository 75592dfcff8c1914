import { join } from 'node:path';
import { VirnucproError } from '../errors.js';
import { OWNER_FILE, ownerText, describeOwner, parseOwner, readOwner } from './directory-owner.js';
import type { Owner } from './directory-owner.js';
import { codeOf } from './system.js';
import type { System } from './system.js';

/** Folders of runs; the name ends with the run's token, or in earlier versions with its process number. */
export const UNFINISHED = /^\.unfinished-([0-9a-z]+)$/;
const HEARTBEAT_INTERVAL = 5_000;

export interface OwnershipOptions {
  readonly system: System;
  /** The output directory, and its name in errors. */
  readonly directory: string;
  readonly shownDirectory: string;
  /** The run's own folder in it. */
  readonly folder: string;
  readonly owner: Owner;
}

/**
 * This run's ownership of the output directory. Shows other runs that this one is alive, and detects when the directory
 * was taken from it, because this run was suspended for long or a clean-up removed its folder.
 */
export class Ownership {
  readonly #options: OwnershipOptions;
  readonly #lost = new AbortController();
  #beat = 0;
  /** The record exists between these two. */
  #hasBegun = false;
  #isOver = false;

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  /** Aborted, with a VNP_OUTPUT_LOST error as its reason, when the directory is no longer this run's. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Records this run as the owner of its folder, and starts its heartbeat. */
  async begin(): Promise<void> {
    const { system, owner } = this.#options;
    await system.files.write(this.#record, ownerText(owner, this.#beat));
    this.#hasBegun = true;
    void this.#beatOn();
  }

  end(): void {
    this.#isOver = true;
  }

  /**
   * Checks whether the directory is still this run's. A file system that fails or hangs does not count as a loss.
   *
   * @throws VirnucproError VNP_OUTPUT_LOST
   */
  async check(): Promise<void> {
    const { system, owner } = this.#options;
    this.#lost.signal.throwIfAborted();
    const text = await system.files.read(this.#record).then(
      (found) => found.text,
      (cause: unknown) => (codeOf(cause) === 'ENOENT' ? undefined : ''),
    );
    this.#lost.signal.throwIfAborted();
    if (!this.#hasBegun || this.#isOver) return;
    const found = text !== undefined && parseOwner(text);
    if (found === undefined || (found && found.token === owner.token)) return;
    const error = await this.#loss();
    this.#lost.abort(error);
    throw error;
  }

  /** The error to report for a failed write: if the directory is lost, that is what the user must know. */
  async causeOf(failure: unknown): Promise<unknown> {
    return this.check().then(
      () => failure,
      (loss: unknown) => loss,
    );
  }

  get #record(): string {
    return join(this.#options.folder, OWNER_FILE);
  }

  async #beatOn(): Promise<void> {
    const { system, owner } = this.#options;
    for (;;) {
      await system.sleep(HEARTBEAT_INTERVAL, { keepsAlive: false });
      if (this.#isOver || this.lost.aborted) return;
      try {
        await this.check();
        await system.files.overwrite(this.#record, ownerText(owner, ++this.#beat));
      } catch {
        // A loss has already been reported; a passing failure is tried again.
      }
    }
  }

  async #loss(): Promise<VirnucproError> {
    const { shownDirectory } = this.#options;
    const successor = await this.#successor();
    const text =
      successor === undefined
        ? `The folder of this run in ${shownDirectory} was removed or taken over while it ran. The run was stopped, and ` +
          'its results were not put in place. Keep clean-ups and other runs away from the directory, and continue with `resume: true`'
        : `The output directory ${shownDirectory} was taken over by ${successor}, for which this run had shown no sign of ` +
          'life. This run was stopped, and its results were not put in place. Wait for the other, or choose another directory';
    return new VirnucproError('VNP_OUTPUT_LOST', text);
  }

  /** Describes the run that has the directory now; undefined if there is none, or it is unknown. */
  async #successor(): Promise<string | undefined> {
    const { system, directory, owner } = this.#options;
    const names = await system.files.names(directory).catch(() => []);
    for (const name of names) {
      const found = UNFINISHED.test(name) ? await readOwner(system.files, join(directory, name)) : undefined;
      if (found && found.token !== owner.token) return describeOwner(found);
    }
    return undefined;
  }
}

/**
 * A directory that this run has for itself until it releases it or another run takes it over. Everything that the run
 * does there goes through a folder of its own, and another run takes over by renaming that folder. Whatever the earlier
 * run still does then fails, however late it wakes up.
 */
export interface ClaimedDirectory {
  readonly path: string;
  /** As errors name it. */
  readonly shownPath: string;
  /** Unique name of this run. */
  readonly token: string;
  /** `.unfinished-<token>` in it: everything is written there first. */
  readonly unfinished: string;
  /** Folder in `unfinished` for the files to be put in place. */
  readonly results: string;
  /** The uppermost directory that was made for it; absent if it existed already. */
  readonly made?: string | undefined;
  readonly ownership: Ownership;
  /** Whether a run that it was taken from may still be alive, and write to the files that it has open. */
  readonly isDisputed: boolean;
  readonly system: System;
}
