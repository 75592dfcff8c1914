import { readFileSync } from 'node:fs';

/** Bytes of the process's own memory, without that of files, whose pages the kernel drops as it likes. */
export function ownBytes(): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))![1]) * 1024;
}
