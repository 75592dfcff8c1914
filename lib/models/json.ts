import { type ErrorCode, VirnucproError } from '../errors.js';
import { escaped, quoted } from './checkpoint/checkpoint-file.js';

/** A JSON object as parsed. Keys are own properties only: read it with `Object.entries` or `property`. */
export type JsonObject = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 32;
const MAX_CONTAINERS = 1_000_000;

/**
 * Parses JSON from an untrusted source. Refuses duplicate keys, because parsers resolve them differently and two
 * programs would read two models. Allows at most 32 levels and a million containers, so that memory stays a small
 * multiple of the text.
 *
 * @throws Error in words that complete "the header is …"
 */
export function parseStrictJson(text: string): unknown {
  refuseAmbiguity(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`not valid JSON (${escaped((error as Error).message.slice(0, 100))})`, { cause: error });
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads an own property, so that the prototype's `toString` or `__proto__` is never taken for data. */
export function property(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Scans strings and brackets only; JSON.parse reports everything else that is malformed. */
function refuseAmbiguity(text: string): void {
  const keysOfLevels: Set<string>[] = [];
  let containers = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        if (keysOfLevels.push(new Set()) > MAX_DEPTH) throw new Error(`nested deeper than ${MAX_DEPTH} levels`);
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
  throw new Error('not valid JSON (a string does not end)');
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
    throw new Error('not valid JSON (a damaged name)');
  }
  if (keys?.has(key)) throw new Error(`ambiguous: the name ${quoted(key)} appears twice`);
  keys?.add(key);
}

/** The code of an object's errors, and the advice that they end with. */
export interface FieldFault {
  readonly code: ErrorCode;
  readonly next: string;
}

const DAMAGED_MODEL: FieldFault = { code: 'VNP_MODEL_INVALID', next: 'Import the model again' };

/**
 * Reads a JSON object of this project's own formats, field by field. Every error names the field, and has the code
 * VNP_MODEL_INVALID unless `fault` gives another.
 */
export class JsonFields {
  private constructor(
    private readonly object: JsonObject,
    /** For messages: the file, and the fields that lead here. */
    private readonly where: string,
    private readonly fault: FieldFault,
  ) {}

  static of(value: unknown, where: string, fault = DAMAGED_MODEL): JsonFields {
    if (!isJsonObject(value)) throw notAs(where, 'a JSON object', value, fault);
    return new JsonFields(value, where, fault);
  }

  inner(name: string): JsonFields {
    return JsonFields.of(property(this.object, name), `${name} of ${this.where}`, this.fault);
  }

  /** An array of objects. */
  list(name: string, most: number): JsonFields[] {
    const value = property(this.object, name);
    if (!Array.isArray(value) || value.length > most) throw this.wrong(name, `a list of at most ${most}`, value);
    return value.map((entry, index) => JsonFields.of(entry, `${name} ${index + 1} of ${this.where}`, this.fault));
  }

  /** Whether an optional field is present. */
  has(name: string): boolean {
    return property(this.object, name) !== undefined;
  }

  /** Throws if there is a field of any other name: otherwise a misspelt one would go unnoticed. */
  checkNames(...names: readonly string[]): void {
    const unknown = Object.keys(this.object).find((name) => !names.includes(name));
    if (unknown === undefined) return;
    const { code, next } = this.fault;
    throw new VirnucproError(
      code,
      `${this.where} has the unknown field ${show(unknown)}. Its fields are ${names.join(', ')}. ${next}`,
    );
  }

  text(name: string): string {
    const value = property(this.object, name);
    if (typeof value === 'string' && value !== '') return value;
    throw this.wrong(name, 'a string', value);
  }

  oneOf<T extends string | number>(name: string, ...allowed: readonly T[]): T {
    const value = property(this.object, name);
    const found = allowed.find((one) => one === value);
    if (found === undefined) throw this.wrong(name, allowed.map((one) => JSON.stringify(one)).join(' or '), value);
    return found;
  }

  flag(name: string): boolean {
    const value = property(this.object, name);
    if (typeof value === 'boolean') return value;
    throw this.wrong(name, 'true or false', value);
  }

  whole(name: string, least: number, largest: number): number {
    const value = property(this.object, name);
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= largest) return value;
    throw this.wrong(name, `a whole number from ${least} to ${largest}`, value);
  }

  positive(name: string): number {
    const value = property(this.object, name);
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw this.wrong(name, 'a positive number', value);
  }

  between(name: string, least: number, largest: number): number {
    const value = property(this.object, name);
    if (typeof value === 'number' && value >= least && value <= largest) return value;
    throw this.wrong(name, `a number from ${least} to ${largest}`, value);
  }

  /** SHA-256 in hexadecimal. */
  sha256(name: string): string {
    const value = property(this.object, name);
    if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value;
    throw this.wrong(name, 'a SHA-256 of 64 hexadecimal digits', value);
  }

  isNull(name: string): boolean {
    return property(this.object, name) === null;
  }

  /** The error for a field whose value is not what it should be. */
  wrong(name: string, what: string, value: unknown): VirnucproError {
    return notAs(`${name} of ${this.where}`, what, value, this.fault);
  }
}

function notAs(where: string, what: string, value: unknown, { code, next }: FieldFault): VirnucproError {
  return new VirnucproError(code, `${where} must be ${what} but is ${show(value)}. ${next}`);
}

function show(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80);
}
