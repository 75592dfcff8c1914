import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expected, type VirnucproError } from '../errors.js';
import type { FileSummary } from './buffered-file.js';
import type { ManifestFile } from './manifest.js';
import { outputError } from './output-error.js';
import { codeOf } from './system.js';

const READ_BYTES = 1024 * 1024;

export interface CheckOptions {
  /** Files of which only the size is looked at. Default none. */
  readonly bySizeAlone?: readonly string[];
  /** Ends it: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds files that are not what run.json says: first by all their sizes, which cost nothing, then by their hashes.
 *
 * @param directory as errors name it
 * @throws VirnucproError VNP_OUTPUT
 */
export async function checkFiles(
  directory: string,
  files: readonly ManifestFile[],
  { bySizeAlone = [], signal }: CheckOptions = {},
): Promise<void> {
  for (const file of files) {
    const path = join(directory, file.name);
    const { size } = await stat(path).catch((cause: unknown) => {
      if (codeOf(cause) !== 'ENOENT') throw outputError('the file that run.json names', path, cause);
      throw expected('VNP_OUTPUT', `${file.bytes} bytes, as run.json says,`, path, 'no such file (ENOENT)', NEXT);
    });
    checkFile(directory, file, { bytes: size, sha256: file.sha256 });
  }
  for (const file of files) {
    if (bySizeAlone.includes(file.name)) continue;
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      for await (const block of createReadStream(join(directory, file.name), { highWaterMark: READ_BYTES })) {
        signal?.throwIfAborted();
        hash.update(block as Uint8Array);
        bytes += (block as Uint8Array).length;
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw outputError('a readable file', join(directory, file.name), cause);
    }
    checkFile(directory, file, { bytes, sha256: hash.digest('hex') });
  }
}

/** @throws VirnucproError VNP_OUTPUT where what was found is not what run.json says */
export function checkFile(directory: string, file: ManifestFile, found: FileSummary): void {
  if (found.bytes === file.bytes && found.sha256 === file.sha256) return;
  throw expected(
    'VNP_OUTPUT',
    `${file.bytes} bytes with the SHA-256 ${file.sha256}, as run.json says,`,
    join(directory, file.name),
    `${found.bytes} bytes${found.sha256 === file.sha256 ? '' : ` with ${found.sha256}`}`,
    NEXT,
  );
}

/** What is said of files that are not those of the run, without what to do about it. */
export function whatChanged({ message }: VirnucproError): string {
  return message.replace(`. ${NEXT}`, '');
}

const NEXT = 'The file was changed after the run: predict again, with --resume or --force';
