import { join } from 'node:path';
import { packageRoot } from '../package.js';

/** Where the models that come with this program lie: they are part of it, and trusted as its code is. */
export const SHIPPED_MODELS_FOLDER = join(packageRoot, 'models');

/** The model that comes with this program and is used where none is installed and none is named. */
export const SHIPPED_DEFAULT = 'virnucpro-mini';
