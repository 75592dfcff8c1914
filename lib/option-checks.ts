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
  checkKind(call, options, 'an object of options', isOptions);
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
  if (value === undefined || isRight(value as never)) return;
  throw expected('VNP_ARGUMENT', kind, name, typeOf(value));
}

export function isFlag(value: unknown): boolean {
  return typeof value === 'boolean';
}

/** @throws VirnucproError VNP_ARGUMENT unless the value is a whole number from 1 to `most` */
export function whole(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw expected('VNP_ARGUMENT', `a whole number from 1 to ${most}`, name, String(value));
}
