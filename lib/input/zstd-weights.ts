/** A literals section with a Huffman tree of its own. */
const WITH_TREE = 2;
/** A tree's first byte from which its weights are not packed themselves. */
const PLAIN_WEIGHTS = 128;

/**
 * Whether the weights of a block's Huffman tree are packed with a code of one symbol: that takes no bits, so a decoder that
 * reads weights until the bits are used up, as the library does, would go on for ever. No program writes this, and no sound
 * block has it.
 * @param block a compressed block without its header
 */
export function hasEndlessWeights(block: Uint8Array): boolean {
  const sizes = block[0]!;
  if ((sizes & 3) !== WITH_TREE) return false;
  const sizeFormat = (sizes >>> 2) & 3;
  const tree = sizeFormat < 2 ? 3 : sizeFormat + 2;
  if ((block[tree] ?? PLAIN_WEIGHTS) >= PLAIN_WEIGHTS) return false;
  const accuracy = ((block[tree + 1] ?? 0) & 15) + 5;
  // The probabilities of the symbols: as long as they are 0, the next may still be the whole.
  for (let position = 8 * (tree + 1) + 4; position < 8 * block.length;) {
    const longest = bitsAt(block, position, accuracy + 1);
    if (longest === 2 ** (accuracy + 1) - 1) return true;
    const probability = (longest & (2 ** accuracy - 1)) - 1;
    if (probability !== 0) return false;
    position += accuracy;
    let zeros: number;
    do {
      zeros = bitsAt(block, position, 2);
      position += 2;
    } while (zeros === 3);
  }
  return false;
}

/** So many bits, the first the lowest; 0 behind the end. */
function bitsAt(bytes: Uint8Array, position: number, count: number): number {
  let bits = 0;
  for (let bit = 0; bit < count; bit++) {
    const byte = bytes[(position + bit) >>> 3] ?? 0;
    bits |= ((byte >>> ((position + bit) & 7)) & 1) << bit;
  }
  return bits;
}
