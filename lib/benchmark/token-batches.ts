import { joinRanges } from '../batches/tokens.js';
import type { PackedTokens } from '../batches/tokens.js';

/**
 * Cuts sequences into batches as a prediction does: each holds, in their order, as many as fit the budget; one that is
 * longer than the budget goes alone.
 * @param budget tokens, at least 1
 */
export function tokenBatches(packed: PackedTokens, budget: number): PackedTokens[] {
  const { offsets } = packed;
  const batches: PackedTokens[] = [];
  let first = 0;
  for (let last = 1; last < offsets.length; last++) {
    const isLast = last === offsets.length - 1;
    if (!isLast && offsets[last + 1]! - offsets[first]! <= budget) continue;
    batches.push(joinRanges([{ packed, first, last }]));
    first = last;
  }
  return batches;
}
