// @ts-check

/** @typedef {import('./random.mjs').Random} Random */

const VALUES = [
  null,
  true,
  false,
  0,
  1,
  -1,
  1.5,
  4,
  2 ** 31,
  2 ** 53,
  1e300,
  '',
  'a',
  '0',
  [],
  {},
  [0],
  [[]],
  { a: 1 },
];

/**
 * JSON text with one to four values changed: removed, duplicated, exchanged, incremented, decremented or replaced.
 * Undefined if the text is no JSON.
 * @param {string} text @param {Random} random @param {readonly string[]} words
 */
export function mutatedJson(text, random, words) {
  let root;
  try {
    root = { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
  for (let count = 1 + random.below(4); count > 0; count--) {
    const places = placesIn(root);
    const { holder, key } = random.of(places);
    changeAt(holder, key, random, words, random.of(places));
  }
  return JSON.stringify(root.value) ?? 'null';
}

/**
 * The places of all values, of about ten thousand at most.
 * @param {Record<string, unknown>} root @returns {{ holder: Record<string, unknown>, key: string }[]}
 */
function placesIn(root) {
  const places = [{ holder: root, key: 'value' }];
  for (let at = 0; at < places.length && places.length < 10_000; at++) {
    const { holder, key } = /** @type {(typeof places)[number]} */ (places[at]);
    const value = holder[key];
    if (typeof value !== 'object' || value === null) continue;
    const inner = /** @type {Record<string, unknown>} */ (value);
    for (const name of Object.keys(inner).slice(0, 1000)) places.push({ holder: inner, key: name });
  }
  return places;
}

/**
 * @param {Record<string, unknown>} holder @param {string} key @param {Random} random @param {readonly string[]} words
 * @param {{ holder: Record<string, unknown>, key: string }} other
 */
function changeAt(holder, key, random, words, other) {
  const value = holder[key];
  const copy = () => copyOf(other.holder[other.key]);
  switch (random.below(7)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 1:
      if (Array.isArray(holder)) holder.splice(Number(key), 0, copy());
      else holder[random.of(words)] = copy();
      break;
    case 2:
      holder[key] = copy();
      break;
    case 3:
      holder[key] = typeof value === 'number' ? value + random.of([-1, 1, 4, -4, 2 ** 32]) : copyOf(random.of(VALUES));
      break;
    case 4:
      holder[key] = random.of(words);
      break;
    case 5:
      holder[key] = [value];
      break;
    default:
      holder[key] = copyOf(random.of(VALUES));
  }
}

/** @param {unknown} value of JSON @returns {unknown} */
function copyOf(value) {
  return JSON.parse(JSON.stringify(value ?? null));
}
