import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { livingHolder } from '#setup-lock';

/**
 * Removes what killed processes left half unpacked in the cache. Every run does so: a child of a killed process may
 * have gone on writing after an earlier clean-up.
 */
export function removeLeftovers(cache: string): void {
  for (const name of existsSync(cache) ? readdirSync(cache) : []) {
    const [, folder, owner] = /^(libtorch-.+)\.partial-(.+)$/.exec(name) ?? [];
    if (!folder || !owner || livingHolder(join(cache, `${folder}.lock`), owner)) continue;
    try {
      rmSync(join(cache, name), { recursive: true, force: true });
    } catch {
      // Such a child still writes to it, or it is another user's: it is in nobody's way, and a later run tries again.
    }
  }
}
