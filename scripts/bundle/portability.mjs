// @ts-check
import { isNewer } from './binaries.mjs';

/** What libtorch 2.11's Linux wheel (manylinux_2_28) itself needs: every machine that runs it has at least that. */
const LIBTORCH = { GLIBC: '2.28', GLIBCXX: '3.4.22', CXXABI: '1.3.11' };

/** @param {Record<string, string>} versions */
function requirementText({ GLIBC, GLIBCXX, CXXABI }) {
  return `glibc ${GLIBC} and a libstdc++ with GLIBCXX_${GLIBCXX} and CXXABI_${CXXABI}`;
}

/**
 * @typedef {object} Portability
 * @property {Record<string, string>} requires the newest version of each interface that any of the files needs
 * @property {string} text the same in words
 * @property {string} [advice] if that is more than libtorch itself needs
 */

/** @param {import('./binaries.mjs').Binary[]} binaries @returns {Portability} */
export function portabilityOf(binaries) {
  /** @type {Record<string, string>} */
  const requires = { ...LIBTORCH };
  for (const binary of binaries) {
    for (const [name, version] of Object.entries(binary.requires)) {
      if (requires[name] === undefined || isNewer(version, requires[name])) requires[name] = version;
    }
  }
  const text = `Linux on ${process.arch} with ${requirementText(requires)}, or later`;
  if (Object.entries(LIBTORCH).every(([name, version]) => requires[name] === version)) return { requires, text };
  const advice =
    `This bundle needs ${requirementText(requires)}, where libtorch itself does with ${requirementText(LIBTORCH)}. For older machines, ` +
    'build the addon on one as old as the oldest of them, e.g. in an image of AlmaLinux 8 with gcc-toolset, and bundle there';
  return { requires, text, advice };
}
