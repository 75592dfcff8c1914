import { readFileSync } from 'node:fs';

/**
 * Whether this process may change its terminal's settings: in the background of a shell it would be stopped for it.
 * True where there is no job control.
 */
export function isForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // The second field is the program's name in brackets, which may hold spaces and brackets itself.
    const [, , group, , , foregroundGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return foregroundGroup === '-1' || foregroundGroup === '0' || foregroundGroup === group;
  } catch {
    return true;
  }
}
