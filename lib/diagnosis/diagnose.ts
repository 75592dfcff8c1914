import { reasonOf } from '../errors.js';
import { checkKind, checkNames, isFunction, isText, namesOf } from '../option-checks.js';
import { failed, warned } from './check.js';
import type { Check } from './check.js';
import { checkCacheFolder, checkModels, checkTemporaryFolder } from './folder-checks.js';
import { checkKnownAnswer } from './known-answer-check.js';
import { checkAddon, checkCuda, checkDevices, checkLibtorch, checkNode, devicesOf } from './installation-checks.js';
import type { NativeState } from './installation-checks.js';
import { mendingCommand } from '../engine/libtorch/find-libtorch.js';

/** What to check, and who hears of it. */
export interface DiagnoseOptions {
  /** Folder of the installed models. Defaults to $VIRNUCPRO_MODELS, else $XDG_DATA_HOME/virnucpro/models. */
  readonly models?: string;
  /** Called with each check once it is done. */
  readonly onCheck?: (check: Check) => void;
}

const DIAGNOSE_OPTIONS = namesOf<DiagnoseOptions>({ models: true, onCheck: true });

/**
 * Checks everything that a prediction needs: Node, libtorch, the addon, CUDA, correct results on every device, the
 * models and the folders. Native code runs only in child processes. Takes several seconds. An error of a check becomes
 * a failed check.
 *
 * @returns the checks, in order
 * @throws VirnucproError VNP_ARGUMENT
 */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Check[]> {
  checkNames(DIAGNOSE_OPTIONS, options, 'diagnose');
  const { models, onCheck } = options;
  checkKind('models', models, 'the path of a folder', isText);
  checkKind('onCheck', onCheck, 'a function', isFunction);
  const checks: Check[] = [];
  const add = async (name: string, check: () => Check | Promise<Check>): Promise<void> => {
    const result = await guarded(name, check);
    checks.push(result);
    onCheck?.(result);
  };
  await add('Node', () => checkNode());
  await add('libtorch', checkLibtorch);
  let native: NativeState | undefined;
  await add('addon', async () => (native = await checkAddon()).addon);
  await addNativeChecks(native, add);
  await add('models', () => checkModels(models));
  await add('cache folder', checkCacheFolder);
  await add('temporary folder', checkTemporaryFolder);
  return checks;
}

async function addNativeChecks(
  native: NativeState | undefined,
  add: (name: string, check: () => Check | Promise<Check>) => Promise<void>,
): Promise<void> {
  const loaded = native?.loaded;
  if (!loaded) {
    const next = native?.addon.next ?? mendingCommand('LIBTORCH', 'VIRNUCPRO_ADDON');
    for (const name of ['CUDA', 'devices', 'known answer']) {
      await add(name, () => warned(name, 'not checked, because the addon does not load', next));
    }
    return;
  }
  await add('CUDA', () => checkCuda(loaded));
  const devices = devicesOf(loaded);
  await add('devices', () => checkDevices(devices));
  for (const device of devices.filter(({ usable }) => usable)) {
    await add(`known answer on ${device.id}`, () => checkKnownAnswer(device));
  }
}

async function guarded(name: string, check: () => Check | Promise<Check>): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    return failed(name, reasonOf(error), 'Fix this, then run virnucpro doctor again');
  }
}
