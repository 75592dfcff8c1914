'use strict';

/** The Node releases that provide everything this program uses; package.json tells npm the same. */
const SUPPORTED = '20.19 or later, or 22.2 or later';

/**
 * Why a Node release is not supported, in one sentence; undefined when it is. Written in syntax that every Node can
 * parse, so that an old one reports this instead of a syntax error.
 * @param {string} version in the form of process.versions.node
 */
function nodeProblem(version) {
  const numbers = version.split('.').map(Number);
  const major = numbers[0];
  const minor = numbers[1];
  // What late releases of 20 added came to 22 in its third release (22.2), and never to 21.
  if ((major === 20 && minor >= 19) || (major === 22 && minor >= 2) || major > 22) return undefined;
  return 'Expected Node ' + SUPPORTED + ', for virnucpro but received ' + version;
}

module.exports = { SUPPORTED, nodeProblem };
