import { escaped, quoted } from './tensor.js';

/** A JSON object as parsed. Keys are own properties only: read it with `Object.entries` or `property`. */
export type JsonObject = Readonly<Record<string, unknown>>;

const DEEPEST = 32;
const MAX_CONTAINERS = 1_000_000;

/**
 * Parses JSON that came from someone else: no duplicate keys (which parsers resolve differently, so that two programs
 * would read two models), at most 32 levels and a million containers (so that memory stays a small multiple of the text).
 *
 * @throws Error in words that complete "the header is …"
 */
export function parseStrictJson(text: string): unknown {
  refuseAmbiguity(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`no valid JSON (${escaped((error as Error).message.slice(0, 100))})`, { cause: error });
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An own property, so that `toString` or `__proto__` of the prototype is never taken for data. */
export function property(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Scans strings and brackets only; whatever else is wrong is left to JSON.parse. */
function refuseAmbiguity(text: string): void {
  const keysOfLevels: Set<string>[] = [];
  let containers = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        if (keysOfLevels.push(new Set()) > DEEPEST) throw new Error(`nested deeper than ${DEEPEST} levels`);
        if (++containers > MAX_CONTAINERS) throw new Error(`made of more than ${MAX_CONTAINERS} objects and arrays`);
        break;
      case '}':
      case ']':
        keysOfLevels.pop();
        break;
      case '"': {
        const end = endOfString(text, at);
        if (isFollowedByColon(text, end)) addKey(keysOfLevels.at(-1), text.slice(at, end));
        at = end - 1;
        break;
      }
      default:
    }
  }
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  throw new Error('no valid JSON (a string does not end)');
}

function isFollowedByColon(text: string, end: number): boolean {
  let at = end;
  while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++;
  return text[at] === ':';
}

function addKey(keys: Set<string> | undefined, literal: string): void {
  let key: string;
  try {
    key = JSON.parse(literal) as string;
  } catch {
    throw new Error('no valid JSON (a damaged name)');
  }
  if (keys?.has(key)) throw new Error(`ambiguous: the name ${quoted(key)} appears twice`);
  keys?.add(key);
}
