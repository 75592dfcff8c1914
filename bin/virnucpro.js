#!/usr/bin/env node
'use strict';
// CommonJS (see package.json in this folder), so that every Node can parse it and report what is missing.
require('./refuse-old-node.js');
require('./refuse-few-open-files.js');
const { existsSync } = require('fs');
const { join } = require('path');
const { setFlagsFromString } = require('v8');

const root = join(__dirname, '..');
const program = join(root, 'dist', 'lib', 'cli', 'main.js');

/** Node's error codes and names when files of the program or of its packages are missing, truncated or unreadable. */
const DAMAGES = [
  ...['ERR_MODULE_NOT_FOUND', 'ERR_INVALID_PACKAGE_CONFIG', 'ERR_PACKAGE_IMPORT_NOT_DEFINED', 'SyntaxError'],
  ...['ENOENT', 'EACCES', 'EIO', 'EISDIR'],
];

/** @param {string} problem */
function refuse(problem) {
  const next = existsSync(join(root, 'tsconfig.json')) ? 'Run `npm run setup`' : 'Install virnucpro again';
  console.error(`virnucpro: ${problem}. ${next}`);
  process.exit(1);
}

if (!existsSync(program)) refuse(`Expected the compiled program in ${join(root, 'dist')} but it is not there`);

// A run makes much short-lived garbage and little else. V8 would respond by growing its young generation by tens of
// megabytes, which gains nothing here: measured, a run is just as fast without.
setFlagsFromString('--semi-space-growth-factor=1');

import('../dist/lib/cli/main.js').then(
  async ({ main }) => {
    process.exitCode = await main(process.argv.slice(2));
  },
  (error) => {
    if (!DAMAGES.includes(error.code || error.name)) throw error;
    refuse(`Expected a complete installation in ${root} but Node says: ${error.message}`);
  },
);
