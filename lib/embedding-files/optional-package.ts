import { reasonOf, VirnucproError } from '../errors.js';

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
  name: string,
  purpose: string,
): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    const problem = isMissing ? 'is not installed' : `cannot be loaded (${reasonOf(cause)})`;
    throw new VirnucproError(
      'VNP_USAGE',
      `The package ${name}, which is needed to ${purpose}, ${problem}. Install it with \`npm install ${name}\``,
      { cause },
    );
  }
}
