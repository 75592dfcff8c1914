// @ts-check
import { copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SetupFailure } from '../setup/failure.mjs';

/** What a release writes. Everything else in the folder is somebody's own. */
const written = /^virnucpro-.*\.tgz$|\.tested\.json$/;

/**
 * Refuses a folder whose content a release must not replace.
 * @param {string} output @param {readonly string[]} others folders of the releases of other platforms
 * @throws {SetupFailure}
 */
export function checkOutputFolder(output, others) {
  if (!existsSync(output)) return;
  if (!statSync(output).isDirectory()) throw new SetupFailure(`Expected a folder for --output but ${output} is a file`);
  const foreign = readdirSync(output).find((name) => !written.test(name));
  if (foreign !== undefined)
    throw new SetupFailure(
      `Expected a new folder for --output, or that of an earlier release, but ${output} holds ${foreign}. Choose another`,
    );
  const same = others.find((folder) => existsSync(folder) && realpathSync(folder) === realpathSync(output));
  if (same !== undefined)
    throw new SetupFailure(
      `Expected different folders for --with and --output but both are ${output}, where the release replaces everything`,
    );
}

/**
 * Replaces an earlier release in the folder. If that fails, what was copied is removed again.
 * @param {string} output @param {readonly string[]} files
 */
export function replaceRelease(output, files) {
  mkdirSync(output, { recursive: true });
  for (const name of readdirSync(output).filter((entry) => written.test(entry))) rmSync(join(output, name));
  const copies = files.map((file) => ({ file, copy: join(output, basename(file)) }));
  try {
    for (const { file, copy } of copies) copyFileSync(file, copy);
  } catch (error) {
    for (const { copy } of copies) rmSync(copy, { force: true });
    throw error;
  }
}
