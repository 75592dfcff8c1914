import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../lib/engine/libtorch/find-libtorch.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { kernelCompiler } from '../../lib/engine/libtorch/cuda.js';
import { VirnucproError } from '../../lib/errors.js';
import { unpackWheel } from '../../lib/setup/unpack-wheel.js';
import { WheelFetcher } from '../../lib/setup/wheel-fetcher.js';
import { libtorchWheels } from '../../lib/setup/wheel-table.js';
import { skip } from '../skipped.js';

export interface NvrtcLibraries {
  readonly library: string;
  readonly builtins: string;
}

/** The NVRTC beside libtorch, else one fetched into the cache as by setup (90 MB); skips if there is none. */
export async function provideNvrtc(context: Mocha.Context): Promise<NvrtcLibraries> {
  const beside = kernelCompiler(loadAddon().libtorch, {});
  if (beside?.builtins !== undefined) return { library: beside.nvrtc, builtins: beside.builtins };
  const wheel = libtorchWheels[13].cudaCompanions.find(({ name }) => name === 'nvidia-cuda-nvrtc')!;
  const folder = join(cacheFolder(), `${wheel.name}-${wheel.version}-${process.arch}`);
  if (!existsSync(folder)) {
    const partial = `${folder}.partial-${process.pid}`;
    const fetcher = new WheelFetcher({}, process.env);
    try {
      const [located] = await fetcher.locate([wheel]);
      const silent = { say: () => undefined, progress: () => undefined };
      const path = await fetcher.provide(located!, join(partial, 'download'), silent);
      await unpackWheel(path, join(partial, 'tree'), /\.so(\.[0-9]+)*$/);
      renameSync(join(partial, 'tree'), folder);
    } catch (error) {
      if (!(error instanceof VirnucproError)) throw error;
      skip(context, `there is no NVRTC. ${error.message}`);
    } finally {
      await fetcher.close();
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
