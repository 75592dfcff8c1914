// @ts-check
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The rule of lib/engine/libtorch/find-libtorch.ts, for what runs before that is compiled; a test holds the two together. */
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
