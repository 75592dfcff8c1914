import { makingRoom } from '../disk.js';
import { reasonOf, VirnucproError } from '../errors.js';

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'Choose a directory that you may write to',
  EPERM: 'Choose a directory that you may write to',
  EROFS: 'Choose a directory on a file system that can be written to',
  ENOTDIR: 'A part of the path is a file: choose another output',
  ENAMETOOLONG: 'Choose a shorter name',
  EMFILE: 'Raise the limit of open files (ulimit -n)',
  EIO: 'Check the disk',
};

/** Turns a file system failure into an error for the user. */
export function outputError(problem: string, path: string, cause: unknown): VirnucproError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const room = makingRoom(cause, path);
  const advice = room
    ? `${room}, or choose another output, then run again`
    : (ADVICE[code] ?? 'Choose another output or fix this one, then run again');
  return new VirnucproError('VNP_OUTPUT', `${path} ${problem}: ${reasonOf(cause)}. ${advice}`, { cause });
}
