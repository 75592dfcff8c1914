import { join } from 'node:path';
import { VirnucproError } from '../errors.js';
import { OWNER_FILE, ownerText, describeOwner, parseOwner, readOwner } from './directory-owner.js';
import type { Owner } from './directory-owner.js';
import { codeOf } from './system.js';
import type { System } from './system.js';

/** The folders of runs; the name ends with the run's token, in earlier versions with the number of its process. */
export const UNFINISHED = /^\.unfinished-([0-9a-z]+)$/;
const HEARTBEAT_INTERVAL = 5_000;

export interface OwnershipOptions {
  readonly system: System;
  /** The output directory, and as errors name it. */
  readonly directory: string;
  readonly shownDirectory: string;
  /** The run's own folder in it. */
  readonly folder: string;
  readonly owner: Owner;
}

/**
 * That the output directory is this run's. It shows others that the run is alive, and finds out when the directory was
 * taken from it, as happens to a run that was stopped for long, or to one whose folder a clean-up removed.
 */
export class Ownership {
  readonly #options: OwnershipOptions;
  readonly #lost = new AbortController();
  #beat = 0;
  /** Between these two there is a record. */
  #hasBegun = false;
  #isOver = false;

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  /** Aborted, with the error of it as its reason, once the directory is no longer this run's. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Enters this run as the owner of its folder, and shows from now on that it is alive. */
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
   * Looks whether the directory is this run's still. A file system that fails or hangs does not make it another's.
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

  /** What a failure to write comes to: where the directory is lost, that is what the user has to know. */
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
        // A loss is told already; what fails for a moment is tried again.
      }
    }
  }

  async #loss(): Promise<VirnucproError> {
    const { shownDirectory } = this.#options;
    const successor = await this.#successor();
    const text =
      successor === undefined
        ? `The folder of this run in ${shownDirectory} was removed or taken over while it ran. The run was stopped, and ` +
          'its results were not put in place. Keep clean-ups and other runs away from the directory, and go on with --resume'
        : `The output directory ${shownDirectory} was taken over by ${successor}, for which this run had shown no sign of ` +
          'life. This run was stopped, and its results were not put in place. Wait for the other, or choose another directory';
    return new VirnucproError('VNP_OUTPUT_LOST', text);
  }

  /** Who works in the directory now, in words; undefined where nobody does, or nobody knows. */
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
 * A directory that this run has for itself until it releases it, or until another one takes it over. Whatever the run does
 * in it goes through a folder of its own, and another run takes over by renaming that folder: of what two runs do at the
 * same time, what the earlier one does fails then, however late it wakes.
 */
export interface ClaimedDirectory {
  readonly path: string;
  /** As errors name it. */
  readonly shownPath: string;
  /** The name of this run, which no other has. */
  readonly token: string;
  /** `.unfinished-<token>` in it: everything is written there first. */
  readonly unfinished: string;
  /** In it, the folder of the files that are to be put in place. */
  readonly results: string;
  /** The uppermost directory that had to be made for it; absent when it was there already. */
  readonly made?: string | undefined;
  readonly ownership: Ownership;
  /** Whether a run that it was taken over from may be alive after all, and write to the files that it has open. */
  readonly isDisputed: boolean;
  readonly system: System;
}
