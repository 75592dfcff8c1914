'use strict';
const { readFileSync } = require('fs');

/** With fewer, Node cannot open all of this program's files at once and reports some of them as missing. */
const MIN_OPEN_FILES = 128;

function mostOpenFiles() {
  try {
    const [, most = Infinity] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) || [];
    return Number(most);
  } catch {
    return Infinity;
  }
}

const most = mostOpenFiles();
if (most < MIN_OPEN_FILES) {
  console.error(
    `virnucpro: Expected a limit of at least ${MIN_OPEN_FILES} open files but received ${most}. ` +
      'Raise it (ulimit -n 1024), then run again',
  );
  process.exit(1);
}
