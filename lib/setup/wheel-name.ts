import type { Wheel, WheelPlatform } from './wheel-table.js';

/** The oldest glibc that libtorch itself runs on: wheels made for a newer one are left alone. */
const GLIBC_MINOR = 28;
/** The glibc of the oldest of such names. */
const OLDEST_MINOR = 5;

const PROCESSORS: Readonly<Record<WheelPlatform, string>> = { x64: 'x86_64', arm64: 'aarch64' };
const PYTHONS = new Set(['cp312', 'py312', 'py3']);
const ABIS = new Set(['cp312', 'abi3', 'none']);
/** manylinux1, 2010 and 2014 are older names of manylinux_2_5, 2_12 and 2_17. */
const PLATFORM = /^(?:manylinux(?:1|2010|2014)|manylinux_2_(\d+)|linux)_(x86_64|aarch64)$/;

/** Whether a file is this wheel, for this processor: by its name, as PEP 427 and PEP 600 define it. */
export function isFileOf(filename: string, wheel: Wheel, platform: WheelPlatform): boolean {
  const parts = /^([^/]+)\.whl$/.exec(filename)?.[1]?.split('-') ?? [];
  // A build number may stand between the version and the tags.
  if (parts.length !== 5 && parts.length !== 6) return false;
  const [name = '', version] = parts;
  const [pythons = '', abis = '', platforms = ''] = parts.slice(-3);
  return (
    normalizedName(name) === wheel.name &&
    version === wheel.version &&
    pythons.split('.').some((tag) => PYTHONS.has(tag)) &&
    abis.split('.').some((tag) => ABIS.has(tag)) &&
    platforms.split('.').some((tag) => runsHere(tag, platform))
  );
}

/** The name of a project in the address of its page (PEP 503). */
export function normalizedName(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}

/** The tags to ask pip for: it does not infer older ones from a newer one by itself. */
export function pipPlatforms(platform: WheelPlatform): string[] {
  const processor = PROCESSORS[platform];
  const minors = Array.from({ length: GLIBC_MINOR - OLDEST_MINOR + 1 }, (_, index) => GLIBC_MINOR - index);
  const older = ['manylinux2014', 'manylinux2010', 'manylinux1'].map((name) => `${name}_${processor}`);
  return [...minors.map((minor) => `manylinux_2_${minor}_${processor}`), ...older];
}

function runsHere(tag: string, platform: WheelPlatform): boolean {
  if (tag === 'any') return true;
  const [, minor = '0', processor] = PLATFORM.exec(tag) ?? [];
  return processor === PROCESSORS[platform] && Number(minor) <= GLIBC_MINOR;
}
