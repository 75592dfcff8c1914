/** A number of things in a message, for every layer: `1 frame`, `2 frames`, `3 entries`. */
export function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  if (/[^aeiou]y$/.test(noun)) return `${count} ${noun.slice(0, -1)}ies`;
  return `${count} ${noun}${/(ch|s)$/.test(noun) ? 'es' : 's'}`;
}
