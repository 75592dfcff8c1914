import { reasonOf, VirnucproError } from '../errors.js';

/** What `npm install` is to be asked for: versions in the range of the peer dependency. */
export const OPTIONAL_VERSIONS = { 'apache-arrow': '21', h5wasm: '0.10' } as const;

/**
 * Loads a package that is not installed with this one.
 *
 * @param load imports it
 * @param name as it is installed
 * @param purpose continues "... is needed to"
 * @throws VirnucproError VNP_USAGE
 */
export async function optionalPackage<Module>(
  load: () => Promise<Module>,
  name: keyof typeof OPTIONAL_VERSIONS,
  purpose: string,
): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    // Not where only a package that it needs is missing.
    const isMissing =
      (cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' && reasonOf(cause).includes(`'${name}'`);
    const problem = isMissing ? 'is not installed' : `cannot be loaded (${reasonOf(cause)})`;
    throw new VirnucproError(
      'VNP_USAGE',
      `The package ${name}, which is needed to ${purpose}, ${problem}. Install it with ` +
        `\`npm install ${name}@${OPTIONAL_VERSIONS[name]}\``,
      { cause },
    );
  }
}

/**
 * `import(module)`, hidden from bundlers, which would refuse a program without the package though it has no use for it.
 */
export async function importUnseen<Module>(module: string): Promise<Module> {
  return (await import(/* @vite-ignore */ /* webpackIgnore: true */ module)) as Module;
}
