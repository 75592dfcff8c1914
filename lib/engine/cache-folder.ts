import { join } from 'node:path';
import { homeFolder } from './home-folder.js';

/** Where downloads are kept between checkouts: $VIRNUCPRO_CACHE, else $XDG_CACHE_HOME/virnucpro, else ~/.cache/virnucpro. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment['VIRNUCPRO_CACHE']) return environment['VIRNUCPRO_CACHE'];
  return join(environment['XDG_CACHE_HOME'] || join(homeFolder(), '.cache'), 'virnucpro');
}
