'use strict';

/** The releases of Node that have all that is used here; package.json says the same to npm. */
const SUPPORTED = '20.19 or later, or 22.2 or later';

/**
 * Why a release of Node is not supported, in one sentence, or undefined. In words that every Node can read, since old ones
 * are to say so and not to fail at the syntax.
 * @param {string} version as process.versions.node has it
 */
function nodeProblem(version) {
  const numbers = version.split('.').map(Number);
  const major = numbers[0];
  const minor = numbers[1];
  // What was added to 20 late came to 22 in its third release, and never to 21.
  if ((major === 20 && minor >= 19) || (major === 22 && minor >= 2) || major > 22) return undefined;
  return 'Expected Node ' + SUPPORTED + ', for virnucpro but received ' + version;
}

module.exports = { SUPPORTED, nodeProblem };
