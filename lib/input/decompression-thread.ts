import { parentPort, workerData } from 'node:worker_threads';
import { reasonOf } from '../errors.js';
import { ArchiveDamage, CompressedInput } from './compression.js';
import type { Compression, Decompression } from './compression.js';
import { loadDecompress } from './decompressed.js';
import type { ThreadAnswer, ThreadRequest } from './decompressed.js';

/** Bytes of content from which an answer is sent. Pieces of the library are not split, so an answer may be larger. */
const ANSWER_BYTES = 256 * 1024;

/** Gathers content until it is enough for an answer, or the input so far yields no more. */
function proceed(pieces: Decompression): ThreadAnswer {
  const gathered: Uint8Array[] = [];
  let size = 0;
  const answer = (rest: Omit<ThreadAnswer, 'content'>): ThreadAnswer => ({ content: joined(gathered, size), ...rest });
  try {
    while (size < ANSWER_BYTES) {
      const piece = pieces.next();
      if (piece.done) return answer({ next: 'nothing' });
      if (piece.value === undefined) return answer({ next: 'input' });
      gathered.push(new Uint8Array(piece.value));
      size += piece.value.length;
    }
    return answer({ next: 'request' });
  } catch (error) {
    return answer({
      next: 'nothing',
      failure: { isDamage: error instanceof ArchiveDamage, message: reasonOf(error) },
    });
  }
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const all = new Uint8Array(size);
  let used = 0;
  for (const piece of pieces) {
    all.set(piece, used);
    used += piece.length;
  }
  return all;
}

const port = parentPort!;
const input = new CompressedInput();
const loading = loadDecompress(workerData as Exclude<Compression, 'gzip'>).then((decompress) => decompress(input));

port.on('message', ({ block, isEnd }: ThreadRequest) => {
  if (block) input.add(block);
  if (isEnd) input.end();
  void loading.then((pieces) => {
    const answer = proceed(pieces);
    port.postMessage(answer, [answer.content.buffer as ArrayBuffer]);
  });
});
