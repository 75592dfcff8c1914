import { expected, typeOf } from './errors.js';

/** The names of an interface's properties. The compiler rejects a missing or an unknown name. */
export function namesOf<T>(names: Record<keyof T, true>): string[] {
  return Object.keys(names);
}

/**
 * Rejects unknown names: a misspelt one would otherwise silently leave its default in force.
 * @throws VirnucproError VNP_ARGUMENT
 */
export function checkNames(names: readonly string[], options: object, call: string): void {
  checkGiven(call, options, 'an object of options', isOptions);
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw expected('VNP_ARGUMENT', `options named ${names.join(', ')}`, call, JSON.stringify(unknown));
}

/** Whether it is an object of named options: no array, and not null. */
function isOptions(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Checks an argument for callers without a compiler. `undefined` passes.
 * @throws VirnucproError VNP_ARGUMENT
 */
export function checkKind(name: string, value: unknown, kind: string, isRight: (value: never) => boolean): void {
  if (value !== undefined) checkGiven(name, value, kind, isRight);
}

/**
 * Checks a required argument for callers without a compiler.
 * @throws VirnucproError VNP_ARGUMENT
 */
export function checkGiven(name: string, value: unknown, kind: string, isRight: (value: never) => boolean): void {
  if (!isRight(value as never)) throw expected('VNP_ARGUMENT', kind, name, typeOf(value));
}

export function isFlag(value: unknown): boolean {
  return typeof value === 'boolean';
}

export function isText(value: unknown): boolean {
  return typeof value === 'string';
}

export function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

/** Whether it can be iterated, at once or asynchronously. */
export function isIterable(value: unknown): boolean {
  const object = Object(value) as object;
  return Symbol.asyncIterator in object || Symbol.iterator in object;
}

export function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

export function isSignal(value: unknown): boolean {
  return value instanceof AbortSignal;
}

/**
 * Checks a choice for callers without a compiler. `undefined` passes.
 * @throws VirnucproError VNP_ARGUMENT
 */
export function checkChoice(name: string, value: unknown, allowed: readonly string[]): void {
  if (value !== undefined) checkOneOf(name, value, allowed);
}

/**
 * Checks a required choice for callers without a compiler.
 * @throws VirnucproError VNP_ARGUMENT
 */
export function checkOneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (allowed.some((one) => one === value)) return;
  const received = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeOf(value);
  throw expected('VNP_ARGUMENT', `one of ${allowed.join(', ')}`, name, received);
}

/** @throws VirnucproError VNP_ARGUMENT unless the value is a whole number from 1 to `most` */
export function whole(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw expected('VNP_ARGUMENT', `a whole number from 1 to ${most}`, name, String(value));
}
