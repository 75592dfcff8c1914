'use strict';
// Commands and scripts load this file first: nothing that an old Node cannot parse may come before it.
const { nodeProblem } = require('./node-version.js');

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) {
  console.error('virnucpro: ' + problem + ' (' + process.execPath + '). Install a newer one, e.g. `nvm install 22`');
  process.exit(1);
}
