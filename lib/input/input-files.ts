import { open, readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { expected, reasonOf, VirnucproError } from '../errors.js';
import { CONTENT_BYTES, formatError } from './content.js';
import { inputName, printablePath } from './text.js';

/** The name that stands for standard input. */
export const STANDARD_INPUT = '-';

/** The files of a directory that are read. Upper-case endings count too, hidden files do not. */
export const FASTA_EXTENSIONS = ['.fa', '.fasta', '.fna', '.ffn', '.fas', '.fsa'] as const;

/** One input to read: a file, a pipe, or `-` for standard input. */
export interface InputFile {
  readonly path: string;
  /** Bytes; undefined for what is no regular file. */
  readonly size: number | undefined;
}

/** @returns the error for a path that a system call failed on */
export function unreadable(path: string, cause: unknown): VirnucproError {
  const code = (cause as NodeJS.ErrnoException).code;
  const reasons: Record<string, string> = { ENOENT: 'nothing at that path', EACCES: 'a refusal of permission' };
  const reason = reasons[code ?? ''] ?? reasonOf(cause);
  const message = `Expected a readable file for ${inputName(path)} but received ${reason}. Check the path`;
  return new VirnucproError('VNP_INPUT_MISSING', message, { cause });
}

function byCodePoint(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

async function filesOfDirectory(directory: string): Promise<InputFile[]> {
  const names = (await readdir(directory)).filter((name) => {
    return !name.startsWith('.') && (FASTA_EXTENSIONS as readonly string[]).includes(extname(name).toLowerCase());
  });
  const files: InputFile[] = [];
  for (const name of names.sort(byCodePoint)) {
    const path = join(directory, name);
    const status = await stat(path).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
    if (status.isFile()) files.push({ path, size: status.size });
  }
  if (files.length > 0) return files;
  throw expected(
    'VNP_INPUT_MISSING',
    `at least one file named ${FASTA_EXTENSIONS.join(', ')}`,
    `input directory ${printablePath(directory)}`,
    'none',
    'Name the files themselves if theirs end otherwise; subdirectories are not searched',
  );
}

/**
 * The files that one input stands for: itself, or the FASTA files in a directory by code point.
 * @throws VirnucproError VNP_INPUT_MISSING
 */
export async function filesOf(input: string): Promise<InputFile[]> {
  if (input === STANDARD_INPUT) return [{ path: input, size: undefined }];
  try {
    const status = await stat(input);
    if (status.isDirectory()) return await filesOfDirectory(input);
    return [{ path: input, size: status.isFile() ? status.size : undefined }];
  } catch (cause) {
    throw cause instanceof VirnucproError ? cause : unreadable(input, cause);
  }
}

/** Looks at the start of a regular file; what a pipe gives can be read only once, so it is left for the reader. */
async function fileProblem({ path, size }: InputFile): Promise<VirnucproError | undefined> {
  if (size === undefined) return undefined;
  try {
    const handle = await open(path, 'r');
    try {
      const head = new Uint8Array(Math.min(size, CONTENT_BYTES));
      const { bytesRead } = await handle.read(head, 0, head.length, 0);
      return formatError(path, head.subarray(0, bytesRead), bytesRead >= size);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    return unreadable(path, cause);
  }
}

/**
 * Finds out, before anything is loaded, whether the inputs can be read: every one of them exists, is readable and looks
 * like FASTA, judged by its first 64 KiB. Standard input and pipes are judged when they are read.
 * @param inputs files, directories (see `FASTA_EXTENSIONS`), or `-`
 * @returns the files in the order in which they are read
 * @throws VirnucproError VNP_USAGE, VNP_INPUT_MISSING or VNP_INPUT_FORMAT: one line for each problem, the code of the first
 */
export async function checkInputs(inputs: readonly string[]): Promise<InputFile[]> {
  if (inputs.length === 0) throw expected('VNP_USAGE', 'at least one file, directory or "-"', 'the input', 'none');
  if (inputs.filter((input) => input === STANDARD_INPUT).length > 1) {
    throw expected('VNP_USAGE', 'standard input ("-") at most once', 'the input', 'it more than once');
  }
  const files: InputFile[] = [];
  const problems: VirnucproError[] = [];
  for (const input of inputs) {
    try {
      for (const file of await filesOf(input)) {
        files.push(file);
        const problem = await fileProblem(file);
        if (problem !== undefined) problems.push(problem);
      }
    } catch (error) {
      if (!(error instanceof VirnucproError)) throw error;
      problems.push(error);
    }
  }
  if (problems.length === 0) return files;
  if (problems.length === 1) throw problems[0]!;
  throw new VirnucproError(problems[0]!.code, problems.map(({ message }) => message).join('\n'));
}
