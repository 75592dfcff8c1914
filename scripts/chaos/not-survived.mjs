// @ts-check
/** A fault that cost something: what, in words. */
export class NotSurvived extends Error {
  /** @override */
  name = 'NotSurvived';
}
