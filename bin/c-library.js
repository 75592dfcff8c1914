'use strict';

/**
 * Why libtorch cannot use this system's C library, in one sentence; undefined when it is glibc.
 * @param {() => { header: { glibcVersionRuntime?: string } }} [getReport] defaults to Node's report on the system
 */
function libcProblem(getReport) {
  process.report.excludeNetwork = true;
  const report = getReport === undefined ? process.report.getReport() : getReport();
  if (report.header.glibcVersionRuntime !== undefined) return undefined;
  return (
    'Expected a system with glibc for libtorch but this one has another C library, probably musl (Alpine). ' +
    'Use a glibc system or container, e.g. the image `node:22-bookworm-slim` instead of `node:22-alpine`'
  );
}

module.exports = { libcProblem };
