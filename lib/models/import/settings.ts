import { expected } from '../../errors.js';
import type { PickledValue } from '../checkpoint/pickle-values.js';
import { property, type JsonObject } from '../checkpoint/strict-json.js';

/** More than any model has. */
export const MAX_LAYERS = 1000;

/** The named settings that come with a checkpoint (config.json, a Namespace), each checked as it is read. */
export class Settings {
  constructor(
    /** For messages, e.g. `config.json of PATH`. */
    private readonly where: string,
    private readonly valueOf: (name: string) => unknown,
  ) {}

  static ofJson(where: string, object: JsonObject): Settings {
    return new Settings(where, (name) => property(object, name));
  }

  static ofAttributes(where: string, attributes: ReadonlyMap<PickledValue, PickledValue>): Settings {
    return new Settings(where, (name) => attributes.get(name));
  }

  /** A whole number from 1; the limit keeps a hostile number of layers from becoming work. */
  size(name: string, largest = 1_000_000): number {
    const value = this.valueOf(name);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= largest) return value;
    throw expected('VNP_CHECKPOINT', `a whole number from 1 to ${largest}`, `${name} in ${this.where}`, show(value));
  }

  positive(name: string): number {
    const value = this.valueOf(name);
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
    throw expected('VNP_CHECKPOINT', 'a positive number', `${name} in ${this.where}`, show(value));
  }

  /** Refuses any value but those given, because the model would compute something else. */
  require(name: string, ...allowed: readonly unknown[]): void {
    const value = this.valueOf(name);
    if (allowed.includes(value)) return;
    throw expected(
      'VNP_CHECKPOINT',
      allowed
        .filter((one) => one !== undefined)
        .map(show)
        .join(' or '),
      `${name} in ${this.where}`,
      show(value),
      'This is another model, which would compute something else; it is not supported',
    );
  }
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value))
    return JSON.stringify(value).slice(0, 80);
  return typeof value === 'bigint' ? String(value).slice(0, 80) : 'something else';
}
