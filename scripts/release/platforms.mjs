// @ts-check
/**
 * The platforms that a release may have packages for. `system`: a package with the C library's headers and libraries of
 * a system that is older than any that libtorch runs on; the addon is linked to them, so that it runs there, too.
 *
 * @typedef {{ name: string, version: string, integrity: string, root: string }} OldSystem root: within its archive
 * @typedef {{ os: string, cpu: string, libc: string, system: OldSystem }} Platform
 */

/** @type {Readonly<Record<string, Platform>>} */
export const platforms = {
  'linux-x64-gnu': {
    os: 'linux',
    cpu: 'x64',
    libc: 'glibc',
    system: {
      name: '@napi-rs/cross-toolchain-x64-target-x86_64',
      version: '1.0.0',
      integrity: 'sha512-lecoghCfoTAX9MLFcIx9/nL9M8xdkZ9n8Pki8qjKUNzjiq1zbECdEbzIZAMMHRtrXxifK9dAyYuh8gSxNbr2og==',
      root: 'x86_64-unknown-linux-gnu/sysroot',
    },
  },
  'linux-arm64-gnu': {
    os: 'linux',
    cpu: 'arm64',
    libc: 'glibc',
    system: {
      name: '@napi-rs/cross-toolchain-x64-target-aarch64',
      version: '1.0.3',
      integrity: 'sha512-EMFcy/ahFsmCY3BI1tMC3wRUYZ+cDuILg7nP1micaKXW1tO1+RvUB1CC6QYe+cv2W4Tuz9wr3qcFExWyjgWf2w==',
      root: 'aarch64-unknown-linux-gnu/sysroot',
    },
  },
};

/** The name of this machine's platform, which need not be one of these. */
export const thisPlatform = `${process.platform}-${process.arch}-gnu`;

/** @param {string} platform */
export function packageOf(platform) {
  return `@virnucpro/${platform}`;
}
