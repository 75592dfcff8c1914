import { expected } from '../errors.js';
import type { VirnucproError } from '../errors.js';
import { inputName, quoteStart } from './text.js';

/** How many of an input's first bytes are looked at to tell what it is. */
export const CONTENT_BYTES = 64 * 1024;

const SIGNATURES: readonly { readonly name: string; readonly tool: string; readonly bytes: readonly number[] }[] = [
  { name: 'gzip', tool: 'gzip -d', bytes: [0x1f, 0x8b] },
  { name: 'bzip2', tool: 'bzip2 -d', bytes: [0x42, 0x5a, 0x68] },
  { name: 'xz', tool: 'xz -d', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { name: 'zstd', tool: 'zstd -d', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'zip', tool: 'unzip', bytes: [0x50, 0x4b, 0x03, 0x04] },
];

function startsWith(head: Uint8Array, bytes: readonly number[]): boolean {
  return head.length >= bytes.length && bytes.every((byte, position) => head[position] === byte);
}

/** Where the first line that starts with `mark` begins, or -1. */
function lineStartingWith(head: string, mark: string): number {
  if (head.startsWith(mark)) return 0;
  const found = new RegExp(`[\\r\\n]\\${mark}`).exec(head);
  return found === null ? -1 : found.index + 1;
}

interface ContentProblem {
  readonly received: string;
  readonly next: string;
}

function contentProblem(head: Uint8Array, whole: boolean): ContentProblem | undefined {
  const signature = SIGNATURES.find(({ bytes }) => startsWith(head, bytes));
  if (signature !== undefined) {
    const next = `Compressed input is not read yet: decompress it first (${signature.tool})`;
    return { received: `${signature.name} compressed data`, next };
  }
  if (startsWith(head, [0xff, 0xfe]) || startsWith(head, [0xfe, 0xff])) {
    return { received: 'UTF-16 text', next: 'Save it as plain ASCII or UTF-8' };
  }
  if (head.includes(0)) return { received: 'binary data (a NUL byte)', next: 'Check that this is the right file' };
  return textProblem(head, whole);
}

function textProblem(head: Uint8Array, whole: boolean): ContentProblem | undefined {
  const view = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const text = view.toString('latin1').replace(/^\xef\xbb\xbf/, '');
  const header = lineStartingWith(text, '>');
  const separator = lineStartingWith(text, '+');
  // A quality line of FASTQ can start with `>`, so the `+` line that comes before it decides.
  if (/^\s*@/.test(text) && (header < 0 || (separator >= 0 && separator < header))) {
    return {
      received: 'what looks like FASTQ (it starts with "@")',
      next: 'FASTQ is not read yet: convert it to FASTA',
    };
  }
  if (header >= 0 || (whole && text.trim() === '')) return undefined;
  const where = whole ? '' : ` in its first ${CONTENT_BYTES / 1024} KiB`;
  const received = `text without such a line${where}, starting ${quoteStart(head)}`;
  return { received, next: 'Check that this is the right file' };
}

/**
 * What keeps an input from being read as FASTA, judged by its start; undefined when nothing does.
 * @param head its first CONTENT_BYTES bytes, or all of it
 * @param whole whether that is all of it
 */
export function formatError(path: string, head: Uint8Array, whole: boolean): VirnucproError | undefined {
  const problem = contentProblem(head, whole);
  if (problem === undefined) return undefined;
  return expected(
    'VNP_INPUT_FORMAT',
    'FASTA (a line that starts with ">")',
    inputName(path),
    problem.received,
    problem.next,
  );
}
