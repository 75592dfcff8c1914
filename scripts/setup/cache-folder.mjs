// @ts-check
import { homedir } from 'node:os';
import { join } from 'node:path';

/** As in lib/engine/libtorch/find-libtorch.ts, for scripts that run before it is compiled; a test compares the two. */
export function cacheFolder() {
  const cacheHome = process.env['XDG_CACHE_HOME'] || join(homeFolder(), '.cache');
  return process.env['VIRNUCPRO_CACHE'] || join(cacheHome, 'virnucpro');
}

function homeFolder() {
  try {
    return homedir();
  } catch {
    return '/';
  }
}
