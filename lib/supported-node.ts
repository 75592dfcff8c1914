import { nodeProblem } from '#node-version';
import { VirnucproError } from './errors.js';

/**
 * Imported before all else, so that a Node that lacks something says so and does not fail where it is first missing.
 * No module may import by name what Node 18 lacks: that would fail before anything is run.
 */
const problem = nodeProblem(process.versions.node);
if (problem !== undefined) throw new VirnucproError('VNP_NODE', `${problem}. Install a newer one`);
