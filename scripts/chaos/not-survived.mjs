// @ts-check
/** A fault had a cost, which the message describes. */
export class NotSurvived extends Error {
  /** @override */
  name = 'NotSurvived';
}
