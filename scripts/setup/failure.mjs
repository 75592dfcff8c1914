// @ts-check
/** A failure that its message explains in full: what is wrong and the command that mends it. Shown without a stack. */
export class SetupFailure extends Error {
  /** @override */
  name = 'SetupFailure';
}
