// @ts-check
/**
 * Keeps `npm pack` and `npm publish` from packing the repository as it lies there: with or without dist/, with
 * binding.gyp, without the packages of the platforms. Where npm is set to skip scripts, as in this repository,
 * .npmrc has the same effect: it names a folder for packages that does not exist.
 */
console.error('This repository is not a package: `npm run release` writes those that are published to build/release');
process.exitCode = 1;
