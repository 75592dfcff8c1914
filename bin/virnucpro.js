#!/usr/bin/env node
'use strict';
// CommonJS (see package.json beside it), so that every Node can read it and say what is missing.
require('./refuse-old-node.js');
require('./refuse-few-open-files.js');
const { existsSync } = require('fs');
const { join } = require('path');
const { setFlagsFromString } = require('v8');

const root = join(__dirname, '..');
const program = join(root, 'dist', 'lib', 'cli', 'main.js');

/** What Node says where files of the program or of its packages are missing, cut short or may not be read. */
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

// A run makes much short-lived garbage and little else. V8 would answer by growing the space for young objects by tens
// of megabytes, which gain nothing here: measured, a run takes as long without.
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
