import type { Ownership } from './ownership.js';
import type { System } from './system.js';

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
