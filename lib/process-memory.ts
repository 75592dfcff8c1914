import { readFileSync } from 'node:fs';

/** Bytes of this process in memory; 0 where the system does not say. */
export function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return fromStatus('VmRSS');
  }
}

/** The most that there were so far; 0 where the system does not say. */
export function peakResidentBytes(): number {
  try {
    return process.resourceUsage().maxRSS * 1024;
  } catch {
    // A sandbox that forbids getrusage.
    return fromStatus('VmHWM');
  }
}

function fromStatus(field: string): number {
  try {
    const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return Number(kib ?? 0) * 1024;
  } catch {
    return 0;
  }
}
