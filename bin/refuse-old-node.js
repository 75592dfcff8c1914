'use strict';
// The first thing that commands and scripts load: nothing that an old Node cannot read comes before it.
const { nodeProblem } = require('./node-version.js');

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) {
  console.error('virnucpro: ' + problem + ' (' + process.execPath + '). Install a newer one, e.g. `nvm install 22`');
  process.exit(1);
}
