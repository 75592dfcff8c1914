import { nodeProblem } from '#node-version';
import { VirnucproError } from './errors.js';
// Reports a bundled package before anything else fails in a bundle for a reason of its own.
import './package.js';

/**
 * Imported first, so that an unsupported Node gets a clear error instead of failing at the first missing feature. No
 * module may import by name what Node 18 lacks: that would fail before any code runs.
 */
const problem = nodeProblem(process.versions.node);
if (problem !== undefined) throw new VirnucproError('VNP_NODE', `${problem}. Install a newer one`);
