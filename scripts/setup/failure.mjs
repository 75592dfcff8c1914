// @ts-check
/** A failure that its message explains in full: what is wrong and which command fixes it. Shown without a stack. */
export class SetupFailure extends Error {
  /** @override */
  name = 'SetupFailure';
}
