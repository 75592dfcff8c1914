import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheFolder } from '../../lib/engine/libtorch/find-libtorch.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { kernelCompiler } from '../../lib/engine/libtorch/cuda.js';
import { repositoryRoot } from '../repository.js';
import { skip } from '../skipped.js';

export interface NvrtcLibraries {
  readonly library: string;
  readonly builtins: string;
}

/** The parts of scripts/setup that tests use; its scripts are not compiled. */
interface Wheel {
  readonly name: string;
  readonly version: string;
}

interface SetupScripts {
  readonly libtorchWheels: { readonly 13: { readonly cudaCompanions: readonly Wheel[] } };
  readonly SetupFailure: new () => Error;
  readonly downloadWheel: (wheel: Wheel, folder: string, onProgress: () => void) => Promise<string>;
  readonly unpackWheel: (wheel: string, folder: string, kept: string) => Promise<void>;
}

/** The NVRTC beside libtorch, else one fetched into the cache as by setup (90 MB); skips if there is none. */
export async function provideNvrtc(context: Mocha.Context): Promise<NvrtcLibraries> {
  const beside = kernelCompiler(loadAddon().libtorch, {});
  if (beside?.builtins !== undefined) return { library: beside.nvrtc, builtins: beside.builtins };
  const { libtorchWheels, downloadWheel, unpackWheel, SetupFailure } = await setupScripts();
  const wheel = libtorchWheels[13].cudaCompanions.find(({ name }) => name === 'nvidia-cuda-nvrtc')!;
  const folder = join(cacheFolder(), `${wheel.name}-${wheel.version}-${process.arch}`);
  if (!existsSync(folder)) {
    const partial = `${folder}.partial-${process.pid}`;
    try {
      const path = await downloadWheel(wheel, join(partial, 'download'), () => undefined);
      await unpackWheel(path, join(partial, 'tree'), '\\.so(\\.[0-9]+)*$');
      renameSync(join(partial, 'tree'), folder);
    } catch (error) {
      if (!(error instanceof SetupFailure)) throw error;
      skip(context, `there is no NVRTC. ${error.message}`);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  }
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const named = (expression: RegExp): string =>
    join(
      folder,
      files.find((file) => expression.test(file))!,
    );
  return { library: named(/libnvrtc\.so/), builtins: named(/libnvrtc-builtins\.so/) };
}

async function setupScripts(): Promise<SetupScripts> {
  const modules = ['versions.mjs', 'wheel.mjs', 'failure.mjs'].map(
    (name) => import(pathToFileURL(join(repositoryRoot, 'scripts', 'setup', name)).href) as Promise<object>,
  );
  return Object.assign({}, ...(await Promise.all(modules))) as SetupScripts;
}
