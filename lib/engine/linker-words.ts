import { delimiter, dirname } from 'node:path';
import { mountOf } from './mount.js';

/** Why a library does not load. */
export interface LinkerProblem {
  /** Follows the library's name and "but". */
  readonly problem: string;
  /** `noexec`: it lies where nothing may be run; a copy elsewhere would load. */
  readonly kind: 'noexec' | 'missing' | 'other';
  /** What to do about it where that does not depend on whose library it is. */
  readonly next?: string;
}

/** Packages of Debian and Ubuntu, and of Fedora and its relatives. */
const PACKAGES: Readonly<Record<string, readonly [string, string]>> = {
  'libgomp.so.1': ['libgomp1', 'libgomp'],
  'libstdc++.so.6': ['libstdc++6', 'libstdc++'],
  'libgcc_s.so.1': ['libgcc-s1', 'libgcc'],
};

/** Puts the linker's words on the loading of a file into the user's. @param path the file that was to be loaded */
export function linkerProblem(words: string, path: string): LinkerProblem {
  return unmappable(words, path) ?? oldLibrary(words) ?? missingLibrary(words) ?? { problem: words, kind: 'other' };
}

function unmappable(words: string, path: string): LinkerProblem | undefined {
  const [, file = path] = /^(\/[^:]*): failed to map segment from shared object/.exec(words) ?? [];
  if (!words.includes('failed to map segment')) return undefined;
  const mount = mountOf(file);
  if (mount?.options.includes('noexec'))
    return { problem: `${mount.point} is mounted noexec, so that no library there can be loaded`, kind: 'noexec' };
  return {
    problem: `the system does not map it: ${words}`,
    kind: 'other',
    next: 'Raise the limit of address space (ulimit -v), or see whether SELinux or AppArmor forbids it',
  };
}

function oldLibrary(words: string): LinkerProblem | undefined {
  const found = /(\/[^:\s]*): version `([A-Z]+)_([\d.]+)' not found \(required by ([^)]*)\)/.exec(words);
  if (!found) return undefined;
  const [, library = '', name = '', version = '', needing = ''] = found;
  const problem = `${library} is too old: ${needing} needs ${name} ${version}`;
  if (name === 'GLIBC') {
    const next = 'Use a newer system or container, or where the addon asks for it build that here: `npm run setup`';
    return { problem: problem.replace('GLIBC ', 'glibc '), kind: 'other', next };
  }
  const searched = (process.env['LD_LIBRARY_PATH'] ?? '').split(delimiter).includes(dirname(library));
  return {
    problem,
    kind: 'other',
    next: searched
      ? `Run \`unset LD_LIBRARY_PATH\`, which puts ${dirname(library)} before the system's libraries`
      : 'Use a newer system or container, or put a newer libstdc++ first: `conda install -c conda-forge libstdcxx-ng`, ' +
        'then `export LD_LIBRARY_PATH=$CONDA_PREFIX/lib`',
  };
}

function missingLibrary(words: string): LinkerProblem | undefined {
  const [, name] = /^([^/:]+\.so[^/:]*): cannot open shared object file: No such file/.exec(words) ?? [];
  if (name === undefined) return undefined;
  const next = nextForMissing(name);
  return { problem: `${name} is missing`, kind: 'missing', ...(next !== undefined && { next }) };
}

/** Nothing for what comes with libtorch. */
function nextForMissing(name: string): string | undefined {
  const packages = PACKAGES[name];
  if (packages) return `Run \`apt-get install ${packages[0]}\` or \`dnf install ${packages[1]}\``;
  if (/^lib(c10|torch|shm|cu|nv|nccl|caffe2)/.test(name)) return undefined;
  return `Install the package that has it: \`apt-file search ${name}\` or \`dnf provides '*/${name}'\` names it`;
}
