import { createHash } from 'node:crypto';
import type { FrameBatchTokens } from '../engine/addon.js';
import { DIGEST_BYTES } from './record.js';

/** Tells batches apart by all that the models read of them: the start of a SHA-256 over their tokens and where each sequence ends. */
export function batchDigest({ dna, protein }: FrameBatchTokens): Uint8Array {
  const hash = createHash('sha256');
  // The offsets come first: they say how many tokens follow.
  for (const { tokens, offsets } of [dna, protein]) hash.update(bytesOf(offsets)).update(bytesOf(tokens));
  return hash.digest().subarray(0, DIGEST_BYTES);
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
