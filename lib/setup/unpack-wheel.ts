import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { openPromise } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { reasonOf } from '../errors.js';
import { setupFailure } from './setup-failure.js';

/** Errors of this disk rather than of the wheel. */
const DISK_ERRORS = ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'EMFILE'];

const FILE_TYPE = 0o170000;
const REGULAR_FILE = 0o100000;

/**
 * Unpacks the files of a wheel whose names match into a folder, one after the other. Checks the size and the checksum
 * of each.
 * @throws VNP_LIBTORCH if the wheel is damaged, or has an entry that would not be a file within the folder
 */
export async function unpackWheel(path: string, folder: string, kept: RegExp): Promise<void> {
  try {
    const zip = await openPromise(path, { autoClose: false, strictFileNames: true });
    try {
      for await (const entry of zip.eachEntry()) {
        if (!entry.fileName.endsWith('/') && kept.test(entry.fileName)) await unpackEntry(zip, entry, folder);
      }
    } finally {
      zip.close();
    }
  } catch (cause) {
    if (DISK_ERRORS.includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    throw setupFailure(
      `Could not unpack ${basename(path)}: ${reasonOf(cause)}. Run setup again, or take the wheel from another place ` +
        '(PIP_INDEX_URL or --find-links)',
      cause,
    );
  }
}

async function unpackEntry(zip: ZipFile, entry: Entry, folder: string): Promise<void> {
  const { fileName } = entry;
  const target = join(folder, fileName);
  // The zip library refuses such names, too; this holds whatever it does.
  if (relative(folder, target).startsWith('..')) throw new Error(`the entry ${fileName} leaves the folder`);
  // Files that were not packed on Unix have no type.
  const type = (entry.externalFileAttributes >>> 16) & FILE_TYPE;
  if (type !== 0 && type !== REGULAR_FILE) throw new Error(`the entry ${fileName} is a link or a device`);
  await mkdir(dirname(target), { recursive: true });
  const content = await zip.openReadStreamPromise(entry);
  // `wx`: of two entries with the same name, the second fails.
  await pipeline(content, checksum(entry), createWriteStream(target, { flags: 'wx' }));
}

/** Passes bytes on, and fails at their end unless their checksum is that of the entry. */
function checksum(entry: Entry): Transform {
  let value = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      value = crc32(chunk, value);
      done(null, chunk);
    },
    flush(done) {
      done(value === entry.crc32 ? null : new Error(`the entry ${entry.fileName} has another checksum than stated`));
    },
  });
}
