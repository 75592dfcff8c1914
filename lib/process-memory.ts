import { readFileSync } from 'node:fs';

/** Resident memory of this process in bytes; 0 where the system does not report it. */
export function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return fromStatus('VmRSS');
  }
}

/** Peak resident memory so far in bytes; 0 where the system does not report it. */
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
