import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expected } from '../errors.js';
import type { FileSummary } from '../output/buffered-file.js';
import { EMBEDDINGS } from '../output/files.js';
import type { ManifestFile } from '../output/manifest.js';
import { outputError } from '../output/output-error.js';

const READ_BYTES = 1024 * 1024;

/**
 * Finds files that are not what run.json says.
 *
 * @param directory as errors name it
 * @throws VirnucproError VNP_OUTPUT
 */
export async function checkFiles(
  directory: string,
  files: readonly ManifestFile[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const file of files) {
    const path = join(directory, file.name);
    const { size } = await stat(path).catch((cause: unknown) => {
      throw outputError('the file that run.json names', path, cause);
    });
    // The embeddings of a large run are terabytes, and nothing is read from them: their size has to do.
    if (size !== file.bytes || file.name === EMBEDDINGS.name) {
      checkFile(directory, file, { bytes: size, sha256: file.sha256 });
      continue;
    }
    const hash = createHash('sha256');
    try {
      for await (const block of createReadStream(path, { highWaterMark: READ_BYTES })) {
        signal?.throwIfAborted();
        hash.update(block as Uint8Array);
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw outputError('a readable file', path, cause);
    }
    checkFile(directory, file, { bytes: size, sha256: hash.digest('hex') });
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
    'The file was changed after the run: put it back as it was, or predict again',
  );
}
