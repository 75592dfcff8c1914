import { expected, type VirnucproError } from '../errors.js';
import { isJsonObject, property, type JsonObject } from './checkpoint/strict-json.js';

/** Reads a JSON object of this project's own formats, field by field. Every error is VNP_MODEL_INVALID and names the field. */
export class JsonFields {
  private constructor(
    private readonly object: JsonObject,
    /** For messages: the file, and the fields that lead here. */
    private readonly where: string,
  ) {}

  static of(value: unknown, where: string): JsonFields {
    if (!isJsonObject(value)) throw expected('VNP_MODEL_INVALID', 'a JSON object', where, show(value));
    return new JsonFields(value, where);
  }

  inner(name: string): JsonFields {
    return JsonFields.of(property(this.object, name), `${name} of ${this.where}`);
  }

  text(name: string): string {
    const value = property(this.object, name);
    if (typeof value === 'string' && value !== '') return value;
    throw this.wrong(name, 'a text', value);
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

  /** SHA-256 in hexadecimal. */
  sha256(name: string): string {
    const value = property(this.object, name);
    if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value;
    throw this.wrong(name, 'a SHA-256 of 64 hexadecimal digits', value);
  }

  isNull(name: string): boolean {
    return property(this.object, name) === null;
  }

  private wrong(name: string, what: string, value: unknown): VirnucproError {
    return expected('VNP_MODEL_INVALID', what, `${name} of ${this.where}`, show(value), 'Import the model again');
  }
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);
}
