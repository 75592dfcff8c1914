import { readFileSync, realpathSync } from 'node:fs';

export interface Mount {
  readonly point: string;
  /** Of the mount and of its file system, e.g. `rw`, `noexec`. */
  readonly options: readonly string[];
}

/** The mount that a path is on; undefined where the system does not say. */
export function mountOf(path: string): Mount | undefined {
  try {
    const real = realpathSync(path);
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n').map(parse);
    const holding = mounts.filter(({ point }) => point === '/' || real === point || real.startsWith(`${point}/`));
    // Of those mounted over one another the last counts.
    return holding.sort((one, other) => one.point.length - other.point.length).at(-1);
  } catch {
    return undefined;
  }
}

/** See proc_pid_mountinfo(5): the fifth field is the mount point, the sixth its options; the last field is the file system's. */
function parse(line: string): Mount {
  const fields = line.split(' ');
  const point = (fields[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(parseInt(octal, 8)),
  );
  return { point, options: `${fields[5] ?? ''},${fields.at(-1) ?? ''}`.split(',') };
}
